"""Tasks that end in odd ways on worker processes: each future ends as it should, and the next task runs."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like import python_app
from parsl_like.app.errors import RemoteError, TaskExit
from parsl_like.errors import DeserializationError, SerializationError, WorkerLost

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


def test_exception_with_an_awkward_constructor() -> None:
    with pytest.raises((Awkward, RemoteError), match="3: odd constructor"):
        raises_awkward().result(WAIT)


def test_exception_that_cannot_be_pickled() -> None:
    with pytest.raises((ValueError, RemoteError), match="holds a lock"):
        raises_unpicklable().result(WAIT)


def test_exception_of_a_class_made_in_the_task() -> None:
    with pytest.raises(Exception, match="made in the task"):
        raises_local_class().result(WAIT)


def test_result_that_cannot_be_pickled() -> None:
    @python_app
    def locked() -> Any:
        import threading

        return {"deep": [threading.Lock()]}

    with pytest.raises(SerializationError, match="lock"):
        locked().result(WAIT)


def test_result_whose_unpickling_raises() -> None:
    @python_app
    def bomb() -> Any:
        return Bomb()

    with pytest.raises(DeserializationError, match="boom while unpickling"):
        bomb().result(WAIT)


def test_result_of_300_mb() -> None:
    @python_app
    def huge() -> bytes:
        return b"x" * 300_000_000

    value = huge().result(WAIT)
    assert len(value) == 300_000_000
    assert value[:3] == value[-3:] == b"xxx"


def test_argument_of_200_mb() -> None:
    @python_app
    def measure(data: bytes) -> tuple[int, int]:
        return len(data), data[-1]

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


def test_deep_recursion() -> None:
    @python_app
    def deep(n: int) -> int:
        def down(k: int) -> int:
            return down(k + 1)

        return down(n)

    with pytest.raises(RecursionError):
        deep(0).result(WAIT)


def test_deeply_nested_result() -> None:
    @python_app
    def nested() -> Any:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        return value

    with pytest.raises((SerializationError, RecursionError, WorkerLost)):
        nested().result(WAIT)


def test_20_mb_of_prints() -> None:
    @python_app
    def prints() -> str:
        import sys

        for _ in range(200):
            print("o" * 100_000)  # noqa: T201
            print("e" * 100, file=sys.stderr)  # noqa: T201
        return "printed"

    assert prints().result(WAIT) == "printed"


@pytest.mark.parametrize("how", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_exceptions_that_would_end_a_worker(how: str) -> None:
    @python_app
    def leaves(name: str) -> None:
        import builtins

        raise getattr(builtins, name)("on purpose")

    with pytest.raises(TaskExit, match=f"{how}.*on purpose"):
        leaves(how).result(WAIT)


def test_sys_exit_without_code() -> None:
    @python_app
    def leaves() -> None:
        import sys

        sys.exit()

    with pytest.raises(TaskExit, match="SystemExit"):
        leaves().result(WAIT)


def test_reading_stdin_gives_its_end() -> None:
    @python_app
    def reads() -> str:
        import sys

        return sys.stdin.read()

    assert reads().result(WAIT) == ""
