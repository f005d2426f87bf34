"""What goes wrong between tasks, and in code of the user's that the kernel calls: every future ends, and soon."""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import Config, File, bash_app, join_app, python_app
from parsl_like.data_provider.staging import Staging
from parsl_like.dataflow.errors import DependencyError, JoinError
from parsl_like.errors import BadStdStreamFile
from parsl_like.executors import ThreadPoolExecutor as Threads
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90
CHAIN, FAN = 5000, 3000


@python_app
def add(x: Any, *more: Any) -> Any:
    return x + sum(more)


@python_app
def fail(text: str, *_needed: Any) -> None:
    raise ValueError(text)


@python_app
def reach(path: str, *_needed: Any) -> str:
    """Runs until a file is there."""
    import os
    import time

    with open(path + ".began", "a"):
        pass
    while not os.path.exists(path):
        time.sleep(0.01)
    return path


@join_app
def pairs(number: int) -> Any:
    return [add(number), add(number, 1)]


@pytest.fixture
def make_threads(tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel with two threads."""

    def make(**options: Any) -> DataFlowKernel:
        executors = [Threads(label="threads", max_threads=options.pop("max_threads", 2), **options.pop("threads", {}))]
        return parsl_like.load(Config(executors=executors, run_dir=str(tmp_path / "runinfo"), **options))

    yield make
    parsl_like.clear()


@pytest.fixture(params=["threads", "htex"])
def any_run(request: pytest.FixtureRequest) -> DataFlowKernel:
    """A kernel with threads, and one with worker processes."""
    kernel: DataFlowKernel = request.getfixturevalue("make_threads" if request.param == "threads" else "make_run")()
    assert add(1, 2).result(WAIT) == 3
    return kernel


@pytest.fixture
def run_on_threads(make_threads: Callable[..., DataFlowKernel]) -> DataFlowKernel:
    return make_threads()


# --- dependencies


@pytest.mark.fault("dataflow kernel", "a task that another needs fails", "DependencyError that names the root", bound=1)
def test_a_failed_dependency(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    with stopwatch:
        root = fail("the root")
        way = add(add(root, 1), add(2, 3))
        error = way.exception(WAIT)
    assert isinstance(error, DependencyError)
    assert error.__cause__ is root.exception()
    assert f"task {root.tid} (fail) failed with ValueError: the root" in str(error)
    assert way.task_status() == "dep_fail"


@pytest.mark.timeout(400)
@pytest.mark.fault("dataflow kernel", "a chain of 5000 tasks", "the last has its value", bound=60)
def test_a_long_chain(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    with stopwatch:
        link = add(0)
        for _ in range(CHAIN):
            link = add(link, 1)
        assert link.result(3 * WAIT) == CHAIN


@pytest.mark.fault(
    "dataflow kernel", "the head of a chain of 5000 fails", "the last fails at once, in few words", bound=1
)
def test_the_head_of_a_long_chain_fails(any_run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    gate = reach(str(tmp_path / "gate"))
    head = fail("the head", gate)
    links = [add(head, 1)]
    for _ in range(CHAIN):
        links.append(add(links[-1], 1))
    (tmp_path / "gate").touch()
    assert isinstance(head.exception(WAIT), ValueError)
    with stopwatch:
        error = links[-1].exception(WAIT)
    assert isinstance(error, DependencyError)
    assert error.dependent_exceptions_tids == [(head.exception(), f"task {head.tid} (fail)")]
    assert len(str(error)) < 200
    assert all(isinstance(link.exception(WAIT), DependencyError) for link in links)


@pytest.mark.fault("dataflow kernel", "a task that needs 3000 others, of which none or many fail", "it ends", bound=30)
def test_a_wide_fan(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    with stopwatch:
        parts = [add(number) for number in range(FAN)]
        assert add(0, *parts).result(WAIT) == sum(range(FAN))
        error = add(0, *parts, *[fail(str(number)) for number in range(FAN)]).exception(WAIT)
    assert isinstance(error, DependencyError)
    assert len(error.dependent_exceptions_tids) == FAN
    assert f"and {FAN - 5} more" in str(error)
    assert len(str(error)) < 1000


@pytest.mark.fault(
    "dataflow kernel", "an exception whose text, and whose equality, raise", "still a DependencyError", bound=1
)
def test_an_exception_that_cannot_be_shown(run_on_threads: DataFlowKernel, stopwatch: Stopwatch) -> None:
    class Shy(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

        __repr__ = __str__

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("not comparable")

        __hash__ = None  # type: ignore[assignment]

    @python_app
    def shy() -> None:
        raise Shy

    with stopwatch:
        error = add(1, add(1, shy())).exception(WAIT)
    assert isinstance(error, DependencyError)
    assert "Shy: <its text cannot be shown: RuntimeError>" in str(error)
    assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "dataflow kernel", "a needed future of another library never ends", "its task can be cancelled", bound=1
)
def test_a_future_that_never_ends(run_on_threads: DataFlowKernel, stopwatch: Stopwatch) -> None:
    never: Future[int] = Future()
    needs = [add(never, number) for number in range(2)]
    after = add(needs[0], 1)
    with stopwatch:
        assert needs[0].cancel()
        error = after.exception(WAIT)
        assert isinstance(error, DependencyError)
        assert f"task {needs[0].tid} (add)" in str(error)
        parsl_like.clear()
        assert needs[1].cancelled()
    never.set_result(1)


# --- joins


@pytest.mark.fault("dataflow kernel", "inner tasks of a join app fail", "JoinError that names the roots", bound=1)
def test_inner_tasks_that_fail(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    @join_app
    def inner() -> Any:
        return [add(1), add(fail("deep"), 1), fail("near")]

    with stopwatch:
        error = inner().exception(WAIT)
    assert isinstance(error, JoinError)
    assert [str(root) for root, _ in error.dependent_exceptions_tids] == ["deep", "near"]
    assert "failed with ValueError: deep" in str(error)


@pytest.mark.fault(
    "dataflow kernel", "the body of a join app raises, or returns no future", "its future says so", bound=1
)
def test_bodies_that_are_wrong(run_on_threads: DataFlowKernel, stopwatch: Stopwatch) -> None:
    @join_app
    def wrong(value: Any) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    with stopwatch:
        assert isinstance(wrong(5).exception(WAIT), TypeError)
        assert isinstance(wrong([add(1), 5]).exception(WAIT), TypeError)
        assert "on purpose" in str(wrong(ValueError("on purpose")).exception(WAIT))
        assert "SystemExit" in repr(wrong(SystemExit(3)).exception(WAIT))
    assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault("dataflow kernel", "joins in joins, 300 deep, well and failed", "the outermost ends", bound=20)
def test_joins_in_joins(run_on_threads: DataFlowKernel, stopwatch: Stopwatch) -> None:
    @join_app
    def down(depth: int, leaf: Any) -> Any:
        return leaf() if depth == 0 else down(depth - 1, leaf)

    with stopwatch:
        assert down(300, lambda: add(1, 2)).result(WAIT) == 3
        error = down(300, lambda: fail("at the bottom")).exception(WAIT)
    assert isinstance(error, JoinError)
    assert len(str(error)) < 200
    assert "ValueError: at the bottom" in str(error)


# --- code of the user's that the kernel calls


@pytest.mark.fault(
    "dataflow kernel", "callbacks raise, SystemExit and KeyboardInterrupt too", "the others are run", bound=1
)
def test_callbacks_that_raise(run_on_threads: DataFlowKernel, stopwatch: Stopwatch) -> None:
    called: list[int] = []
    last = threading.Event()

    def raising(error: BaseException) -> Callable[[Any], None]:
        def callback(_future: object) -> None:
            called.append(1)
            raise error

        return callback

    gate: Future[int] = Future()
    with stopwatch:
        future = add(gate, 2)
        for error in (ValueError("v"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()):
            future.add_done_callback(raising(error))
        future.add_done_callback(lambda _: last.set())
        gate.set_result(1)
        assert last.wait(WAIT)
        assert future.result(WAIT) == 3
    assert len(called) == 4
    assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "dataflow kernel", "callbacks submit, wait for tasks, cancel, wait for all", "nothing deadlocks", bound=10
)
def test_callbacks_that_use_the_kernel(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    heard: Future[list[Any]] = Future()
    gate: Future[int] = Future()

    def use(future: Future[int]) -> None:
        try:
            chain = add(add(future, 1), 1)
            unwanted = add(Future(), 1)
            found = [future.result(), chain.result(WAIT), pairs(1).result(WAIT), unwanted.cancel()]
            parsl_like.wait_for_current_tasks()
            heard.set_result([*found, any_run.status()["tasks"]["outstanding"]])
        except BaseException as error:
            heard.set_exception(error)
            raise

    with stopwatch:
        add(gate, 2).add_done_callback(use)
        gate.set_result(1)
        assert heard.result(WAIT) == [3, 5, [1, 2], True, 0]


@pytest.mark.fault(
    "dataflow kernel", "a callback waits for one that comes after it", "tasks go on, cleanup ends", bound=30
)
def test_callbacks_that_wait_for_each_other(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    gates: list[Future[int]] = [Future(), Future()]
    first, second = map(add, gates)
    freed, began = threading.Event(), threading.Event()

    def hold(_future: object) -> None:
        began.set()
        freed.wait()  # which the next callback would do, if its turn came

    first.add_done_callback(hold)
    second.add_done_callback(lambda _: freed.set())
    gates[0].set_result(1)
    assert began.wait(WAIT)
    gates[1].set_result(2)
    with stopwatch:
        assert [future.result(WAIT) for future in [add(number, 1) for number in range(1000)]] == list(range(1, 1001))
        assert pairs(1).result(WAIT) == [1, 2]
        assert second.result(WAIT) == 2
        assert not freed.is_set()
        parsl_like.clear()
        assert freed.wait(WAIT)


@pytest.mark.fault(
    "dataflow kernel", "the retry handler raises", "the task fails with that, and its own as cause", bound=1
)
def test_a_retry_handler_that_raises(make_threads: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    def handler(error: Exception, _task: Any) -> float:
        if str(error) == "exit":
            raise SystemExit(1)
        if str(error) == "text":
            return "much"  # type: ignore[return-value]
        raise LookupError("no idea what that costs")

    make_threads(retries=2, retry_handler=handler)
    with stopwatch:
        error = fail("plain").exception(WAIT)
        assert isinstance(error, LookupError)
        assert isinstance(error.__cause__, ValueError)
        assert isinstance(fail("exit").exception(WAIT), SystemExit)
        assert isinstance(fail("text").exception(WAIT), ValueError)
    assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "dataflow kernel", "the retry handler does not return", "other failures are judged, cleanup ends", bound=30
)
def test_a_retry_handler_that_sleeps(make_threads: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    asleep, wake = threading.Semaphore(0), threading.Event()

    def handler(error: Exception, _task: Any) -> float:
        if str(error) == "sleep":
            asleep.release()
            wake.wait()
        return 1

    make_threads(retries=1, retry_handler=handler)
    stuck = [fail("sleep") for _ in range(5)]
    for _ in stuck:
        asleep.acquire()
    with stopwatch:
        assert isinstance(fail("other").exception(WAIT), ValueError)
        assert add(1, 2).result(WAIT) == 3
        parsl_like.clear()
        assert all(future.cancelled() for future in stuck)
    wake.set()


# --- cancelling


@pytest.mark.fault(
    "dataflow kernel", "cancel a task that waits, is queued, runs, or joins", "it ends; so do dependents", bound=5
)
@pytest.mark.parametrize("state", ["waiting", "queued", "running", "joining", "ended"])
def test_cancel(any_run: DataFlowKernel, tmp_path: Path, state: str, stopwatch: Stopwatch) -> None:
    gates = [str(tmp_path / name) for name in ("a", "b")]
    running = [reach(gate) for gate in gates]
    processes.until(lambda: all(os.path.exists(gate + ".began") for gate in gates), WAIT)
    subject = {
        "waiting": lambda: add(running[0], 1),
        "queued": lambda: reach(str(tmp_path / "c")),
        "running": lambda: running[0],
        "joining": lambda: inner_join(gates[0]),
        "ended": lambda: fail("ended"),
    }[state]()
    if state == "ended":
        (tmp_path / "a").touch()
        assert isinstance(subject.exception(WAIT), ValueError)
    if state == "joining":
        processes.until(lambda: subject.task_status() == "joining", WAIT)
    dependent = add(subject, 1)
    with stopwatch:
        assert subject.cancel() is (state != "ended")
        assert subject.cancel() is (state != "ended")
        error = dependent.exception(WAIT)
    assert isinstance(error, DependencyError)
    assert f"task {subject.tid} ({subject._name})" in str(error)
    assert subject.done()
    if state != "ended":
        with pytest.raises(CancelledError):
            subject.result()
        assert subject.cancelled()
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    assert add(1, 2).result(WAIT) == 3
    assert running[1].result(WAIT) == gates[1]


@join_app
def inner_join(path: str) -> Any:
    return reach(path)


@pytest.mark.fault(
    "dataflow kernel", "2000 tasks in all states are cancelled by 8 threads", "each ends, once", bound=20
)
def test_cancel_in_a_crowd(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    told: list[int] = []
    futures = []
    for number in range(500):
        first = add(number, 1)
        futures += [first, add(first, 1), inner_sum(first), fail("f", first)]
    for future in futures:
        future.add_done_callback(lambda ended: told.append(ended.tid))
    with stopwatch:
        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(lambda future: future.cancel(), futures[::-1]))
        assert not wait(futures, WAIT).not_done
        any_run.wait_for_current_tasks()
    assert [future.cancelled() for future in futures[::-1]] == said
    assert sorted(told) == sorted(future.tid for future in futures)
    any_run._loop.call(any_run.machine.validate)


@join_app
def inner_sum(value: int) -> Any:
    return add(value, 1)


# --- what made callers wait for ever


@pytest.mark.fault(
    "dataflow kernel", "tasks on threads call apps beyond max_outstanding_tasks", "they are not held back", bound=10
)
def test_tasks_that_call_apps(make_threads: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    make_threads(max_outstanding_tasks=2)

    @python_app
    def outer(number: int) -> int:
        return len([add(number, each) for each in range(3)])

    with stopwatch:
        assert [future.result(WAIT) for future in [outer(number) for number in range(20)]] == [3] * 20
        parsl_like.wait_for_current_tasks()


@pytest.mark.fault("dataflow kernel", "a file cannot be staged", "the futures of the task's outputs fail, too", bound=1)
def test_files_that_cannot_be_staged(make_threads: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    class Broken(Staging):
        def can_stage_out(self, file: File) -> bool:
            return file.scheme == "file"

        def stage_out(self, *_: Any) -> None:
            raise OSError("no way there")

    make_threads(threads={"storage_access": [Broken()]})

    @bash_app
    def make(outputs: Any = (), stdout: Any = None) -> str:
        return "true"

    with stopwatch:
        future = make(outputs=[File("a"), File("unknown://b")], stdout=File("c"))
        assert "unknown" in str(future.exception(WAIT))
        assert len(future.outputs) == 2
        assert [made.exception(WAIT) for made in [*future.outputs, future.stdout]] == [future.exception()] * 3
        broken = make(outputs=[File("a")])
        assert isinstance(broken.exception(WAIT), OSError)
        assert isinstance(add(broken.outputs[0], 1).exception(WAIT), DependencyError)


@pytest.mark.fault(
    "dataflow kernel", "status is asked for by 4 threads during 5000 tasks", "it always answers", bound=30
)
def test_status_meanwhile(any_run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    over = threading.Event()

    def ask() -> int:
        asked = 0
        while not over.is_set():
            status = any_run.status()
            assert status["run"]["open"]
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            with stopwatch:
                futures = [add(number, 1) for number in range(5000)]
                assert sum(future.result(WAIT) for future in futures) == sum(range(5001))
        finally:
            over.set()
        assert all(each.result(WAIT) > 0 for each in asking)


@pytest.mark.fault(
    "dataflow kernel", "stdout of a task is a FIFO that nobody reads", "others go on, its walltime ends it", bound=15
)
def test_a_fifo_that_nobody_reads(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    os.mkfifo(tmp_path / "fifo")

    @bash_app
    def say(stdout: Any = None, walltime: float | None = None) -> str:
        return "echo something"

    with stopwatch:
        held = [say(stdout=(str(tmp_path / "fifo"), "w"), walltime=2), say(stdout=str(tmp_path / "fifo"), walltime=2)]
        assert add(1, 2).result(WAIT) == 3
        assert all(future.exception(WAIT) is not None for future in held)
    assert isinstance(held[1].exception(), BadStdStreamFile)  # it would be opened to read, too, which blocks nobody
