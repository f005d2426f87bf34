"""Tasks that end in odd ways on worker processes: each future ends as it should, and the next task runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import python_app
from parsl_like.app.errors import RemoteError, TaskExit
from parsl_like.errors import DeserializationError, SerializationError

if TYPE_CHECKING:
    from tests.conftest import Stopwatch

pytestmark = pytest.mark.usefixtures("htex")

WAIT = 90


class Awkward(Exception):
    """Cannot be made from its args alone."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


class Bomb:
    """Its unpickling raises."""

    def __reduce__(self) -> Any:
        return (_explode, ())


def _explode() -> None:
    raise RuntimeError("boom while unpickling")


@python_app
def healthy(x: int) -> int:
    return x + 1


@pytest.fixture(autouse=True)
def next_task_runs() -> Any:
    yield
    assert healthy(1).result(WAIT) == 2


@python_app
def raises_awkward() -> None:
    raise Awkward(3, reason="odd constructor")


@python_app
def raises_unpicklable() -> None:
    import threading

    error = ValueError("holds a lock")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    raise error


@python_app
def raises_local_class() -> None:
    class Local(Exception):
        pass

    raise Local("made in the task")


@pytest.mark.fault(
    "task", "raises an exception whose constructor needs arguments", "its future fails with that type", bound=1
)
def test_exception_with_an_awkward_constructor(stopwatch: Stopwatch) -> None:
    with stopwatch, pytest.raises(Awkward, match="3: odd constructor"):
        raises_awkward().result(WAIT)


@pytest.mark.fault(
    "task", "raises an exception that cannot be pickled", "its future fails with a RemoteError that shows it", bound=1
)
def test_exception_that_cannot_be_pickled(stopwatch: Stopwatch) -> None:
    with stopwatch, pytest.raises(RemoteError, match="ValueError: holds a lock"):
        raises_unpicklable().result(WAIT)


@pytest.mark.fault(
    "task", "raises an exception of a class made in the task", "its future fails with that text", bound=1
)
def test_exception_of_a_class_made_in_the_task(stopwatch: Stopwatch) -> None:
    with stopwatch, pytest.raises(Exception, match="made in the task"):
        raises_local_class().result(WAIT)


@pytest.mark.fault("task", "its result cannot be pickled", "SerializationError that names the part", bound=1)
def test_result_that_cannot_be_pickled(stopwatch: Stopwatch) -> None:
    @python_app
    def locked() -> Any:
        import threading

        return {"deep": [threading.Lock()]}

    with stopwatch, pytest.raises(SerializationError, match="lock"):
        locked().result(WAIT)


@pytest.mark.fault(
    "task",
    "its result raises while it is unpickled in the driver",
    "DeserializationError; later results arrive",
    bound=1,
)
def test_result_whose_unpickling_raises(stopwatch: Stopwatch) -> None:
    @python_app
    def bomb() -> Any:
        return Bomb()

    with stopwatch, pytest.raises(DeserializationError, match="boom while unpickling"):
        bomb().result(WAIT)


@pytest.mark.fault("task", "returns 300 MB", "the value arrives", bound=60)
def test_result_of_300_mb(stopwatch: Stopwatch) -> None:
    @python_app
    def huge() -> bytes:
        return b"x" * 300_000_000

    with stopwatch:
        value = huge().result(WAIT)
    assert len(value) == 300_000_000
    assert value[:3] == value[-3:] == b"xxx"


@pytest.mark.fault("task", "has an argument of 200 MB", "it arrives", bound=60)
def test_argument_of_200_mb(stopwatch: Stopwatch) -> None:
    @python_app
    def measure(data: bytes) -> tuple[int, int]:
        return len(data), data[-1]

    with stopwatch:
        assert measure(b"a" * 200_000_000).result(WAIT) == (200_000_000, 97)


def test_array_there_and_back() -> None:
    numpy = pytest.importorskip("numpy")

    @python_app
    def double(array: Any) -> Any:
        array *= 2
        return array

    array = numpy.arange(5_000_000, dtype="int64")
    result = double(array).result(WAIT)
    assert (result == 2 * numpy.arange(5_000_000)).all()
    assert array[1] == 1
    result[0] = 5


@pytest.mark.fault("task", "recurses without end", "RecursionError; its worker lives on", bound=60)
def test_deep_recursion(stopwatch: Stopwatch) -> None:
    @python_app
    def deep(n: int) -> int:
        def down(k: int) -> int:
            return down(k + 1)

        return down(n)

    with stopwatch, pytest.raises(RecursionError):
        deep(0).result(WAIT)


@pytest.mark.fault("task", "returns a list nested 100,000 deep", "SerializationError; its worker lives on", bound=60)
def test_deeply_nested_result(stopwatch: Stopwatch) -> None:
    @python_app
    def nested() -> Any:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        return value

    with stopwatch, pytest.raises(SerializationError):
        nested().result(WAIT)


@pytest.mark.fault("task", "prints 20 MB", "no deadlock; its value arrives", bound=60)
def test_20_mb_of_prints(stopwatch: Stopwatch) -> None:
    @python_app
    def prints() -> str:
        import sys

        for _ in range(200):
            print("o" * 100_000)  # noqa: T201
            print("e" * 100, file=sys.stderr)  # noqa: T201
        return "printed"

    with stopwatch:
        assert prints().result(WAIT) == "printed"


@pytest.mark.fault(
    "task", "raises SystemExit, KeyboardInterrupt or GeneratorExit", "TaskExit; its worker lives on", bound=1
)
@pytest.mark.parametrize("how", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_exceptions_that_would_end_a_worker(how: str, stopwatch: Stopwatch) -> None:
    @python_app
    def leaves(name: str) -> None:
        import builtins

        raise getattr(builtins, name)("on purpose")

    with stopwatch, pytest.raises(TaskExit, match=f"{how}.*on purpose"):
        leaves(how).result(WAIT)


@pytest.mark.fault("task", "calls sys.exit", "TaskExit; its worker lives on", bound=1)
def test_sys_exit_without_code(stopwatch: Stopwatch) -> None:
    @python_app
    def leaves() -> None:
        import sys

        sys.exit()

    with stopwatch, pytest.raises(TaskExit, match="SystemExit"):
        leaves().result(WAIT)


@pytest.mark.fault("task", "reads its standard input", "it is at its end at once", bound=1)
def test_reading_stdin_gives_its_end(stopwatch: Stopwatch) -> None:
    @python_app
    def reads() -> str:
        import sys

        return sys.stdin.read()

    with stopwatch:
        assert reads().result(WAIT) == ""
