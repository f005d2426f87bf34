"""``AppFuture.cancel()`` wherever the task is: nothing of it goes on, and nobody else is hit."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import Config, bash_app, join_app, python_app
from parsl_like.dataflow.errors import DependencyError
from parsl_like.executors import ThreadPoolExecutor
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.app.futures import AppFuture
    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app
def note(path: str) -> None:
    with open(path, "a") as file:
        file.write("ran\n")


@python_app
def stays(path: str, heed: bool = True) -> int:
    """Says where it runs, and stays until it is let go, whatever politely asks it to end."""
    import os
    import signal
    import time

    if not heed:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    while not os.path.exists(path + ".go"):
        time.sleep(0.01)
    return os.getpid()


TREE = """\
setsid bash -c 'trap "" TERM; echo $$ >> {path}; exec sleep 10000' &
timeout 10000 bash -c 'echo $$ >> {path}; exec sleep 10000' &
(setsid nohup bash -c 'echo $$ >> {path}; exec sleep 10000' > /dev/null 2>&1 &)
trap '' TERM
echo $$ >> {path}
while true; do sleep 1; done
"""


@bash_app
def tree(path: str) -> str:
    return TREE.format(path=path)


def lines(path: Path, count: int = 1) -> list[int]:
    """The processes that have noted themselves, once they have."""
    processes.until(lambda: path.exists() and path.read_text().count("\n") >= count, WAIT)
    return [int(line) for line in path.read_text().splitlines()]


def is_canceled(future: AppFuture[Any]) -> None:
    assert future.cancelled()
    assert future.done()
    with pytest.raises(CancelledError):
        future.result(WAIT)
    assert future.cancel()


def names(dependent: AppFuture[Any], name: str) -> None:
    """The dependent has failed, and says because of whom."""
    with pytest.raises(DependencyError, match=name):
        dependent.result(WAIT)


@pytest.fixture
def threads(tmp_path: Path) -> Iterator[DataFlowKernel]:
    with parsl_like.load(Config(executors=[ThreadPoolExecutor(max_threads=1)], run_dir=str(tmp_path / "r"))) as kernel:
        yield kernel


@pytest.mark.fault("task", "canceled while it waits for others", "never runs; dependents name it", bound=1)
def test_waiting(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    first = stays(str(tmp_path / "first"))
    waiting = add(first, 1)  # type: ignore[arg-type]
    last = add(waiting, 1)  # type: ignore[arg-type]
    lines(tmp_path / "first")
    with stopwatch:
        assert waiting.cancel()
        is_canceled(waiting)
        names(last, r"task 1 \(add\)")
    (tmp_path / "first.go").touch()
    assert first.result(WAIT) > 0
    assert not first.cancel()
    assert run.summary().states == {"exec_done": 1, "failed": 1, "dep_fail": 1}


@pytest.mark.fault(
    "task", "canceled while queued: at the interchange, or at the manager", "never runs; others do", bound=5
)
@pytest.mark.parametrize("prefetch", [0, 100])
def test_queued(prefetch: int, make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    make_run(workers=2, prefetch_capacity=prefetch)
    first, doomed = stays(str(tmp_path / "first")), stays(str(tmp_path / "doomed"))
    (worker,) = lines(tmp_path / "doomed")
    queued = [note(str(tmp_path / str(number))) for number in range(20)]
    dependent = add(queued[0], 1)  # type: ignore[arg-type]
    lines(tmp_path / "first")
    with stopwatch:
        for future in queued[::2]:
            assert future.cancel()
            is_canceled(future)
        names(dependent, r"task 2 \(note\)")
        # Who is told too late that a task is not wanted may have begun it. This one is told of behind the others.
        assert doomed.cancel()
        processes.until(lambda: processes.alive([worker]) == [], WAIT)
        (tmp_path / "first.go").touch()
        first.result(WAIT)
        for future in queued[1::2]:
            future.result(WAIT)
    assert add(1, 2).result(WAIT) == 3
    assert [(tmp_path / str(number)).exists() for number in range(20)] == [False, True] * 10


@pytest.mark.fault("task", "canceled while many short ones are queued, also in pipes", "each ends one way", bound=30)
def test_in_pipes(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    chance = random.Random(3)
    add(0, 0).result(WAIT)
    with stopwatch:
        chosen = defaultdict[int, list[int]](list)
        for number in chance.sample(range(4000), 500):
            chosen[number + chance.choice((0, 1, 10, 100, 1000))].append(number)
        futures, canceled = [], set[int]()
        for latest in range(5000):  # some are canceled at once, some when they are in a pipe, run, or have ended
            futures.append(add(latest, 1))
            canceled.update(number for number in chosen[latest] if futures[number].cancel())
        for number, future in enumerate(futures):
            if number in canceled:
                is_canceled(future)
            else:
                assert future.result(WAIT) == number + 1
    assert canceled
    assert run.summary().states == {"exec_done": 5001 - len(canceled), "failed": len(canceled)}
    processes.until(lambda: run.status()["executors"]["htex"]["outstanding"] == 0, WAIT)
    assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "task", "canceled while it runs, ignoring SIGTERM or not", "its worker is replaced; neighbours go on", bound=5
)
@pytest.mark.parametrize("heed", [True, False])
def test_running(heed: bool, run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    neighbour, doomed = stays(str(tmp_path / "b")), stays(str(tmp_path / "a"), heed)
    behind = add(doomed, 1)  # type: ignore[arg-type]
    ((pid,), (beside,)) = lines(tmp_path / "a"), lines(tmp_path / "b")
    with stopwatch:
        assert doomed.cancel()
        is_canceled(doomed)
        names(behind, r"task 1 \(stays\)")
        assert processes.wait_for_end([pid], WAIT) == []
        processes.until(lambda: len(processes.of("worker")) == 2, WAIT)
        assert add(1, 2).result(WAIT) == 3
    (tmp_path / "b.go").touch()
    assert neighbour.result(WAIT) == beside
    assert run.summary().retries == {}


@pytest.mark.fault("task", "a bash app canceled with setsid, timeout and a daemon", "all it has started ends", bound=6)
def test_running_tree(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    path = tmp_path / "pids"
    future = tree(str(path))
    pids = lines(path, 4)
    with stopwatch:
        assert future.cancel()
        is_canceled(future)
        assert processes.wait_for_end(pids, WAIT) == []
        assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "task", "canceled as it ends, 300 times", "it is canceled or has its value, dependents too", bound=30
)
def test_at_its_end(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    @python_app
    def short(seconds: float) -> float:
        import time

        time.sleep(seconds)
        return seconds

    chance = random.Random(7)
    add(0, 0).result(WAIT)
    ends = {True: 0, False: 0}
    pause = threading.Event()
    with stopwatch:
        for _ in range(300):
            seconds = chance.uniform(0, 0.004)
            future = short(seconds)
            dependent = add(future, 1)  # type: ignore[arg-type]
            pause.wait(chance.uniform(0, 0.006))
            canceled = future.cancel()
            ends[canceled] += 1
            if canceled:
                is_canceled(future)
                names(dependent, "short")
            else:
                assert future.result(WAIT) == seconds
                assert dependent.result(WAIT) == seconds + 1
    states = run.summary().states
    assert states["failed"] == states["dep_fail"] == ends[True] > 0
    assert states["exec_done"] == 1 + 2 * ends[False]
    assert run.summary().retries == {}


@pytest.mark.fault("task", "a join app canceled while it waits for its inner tasks", "it ends; those go on", bound=1)
def test_joining(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    inner: list[AppFuture[int]] = []

    @join_app
    def outer() -> AppFuture[int]:
        inner.append(stays(str(tmp_path / "inner")))
        return inner[0]

    future = outer()
    behind = add(future, 1)  # type: ignore[arg-type]
    lines(tmp_path / "inner")
    processes.until(lambda: future.task_status() == "joining", WAIT)
    with stopwatch:
        assert future.cancel()
        is_canceled(future)
        names(behind, "outer")
    (tmp_path / "inner.go").touch()
    assert inner[0].result(WAIT) > 0


@pytest.mark.fault("task", "canceled on threads: waiting, queued, running", "it ends; others run meanwhile", bound=2)
def test_on_threads(threads: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    released = threading.Event()
    began = threading.Event()

    @python_app
    def holds() -> int:
        began.set()
        released.wait(WAIT)
        return 1

    running = holds()
    queued = note(str(tmp_path / "queued"))
    waiting = add(running, 1)  # type: ignore[arg-type]
    last = add(waiting, 1)  # type: ignore[arg-type]
    began.wait(WAIT)
    with stopwatch:
        for future in (waiting, queued, running):
            assert future.cancel()
            is_canceled(future)
        names(last, r"task 2 \(add\)")
        assert add(1, 2).result(WAIT) == 3
    assert threads.status()["executors"]["threads"]["stuck"] == 1
    released.set()
    processes.until(lambda: threads.status()["executors"]["threads"]["stuck"] == 0, WAIT)
    assert add(2, 2).result(WAIT) == 4
    is_canceled(running)
    assert not (tmp_path / "queued").exists()


@pytest.mark.fault("task", "a bash app canceled on threads, with setsid and a daemon", "all of it ends", bound=6)
def test_tree_on_threads(threads: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    path = tmp_path / "pids"
    future = tree(str(path))
    pids = lines(path, 4)
    with stopwatch:
        assert future.cancel()
        is_canceled(future)
        assert processes.wait_for_end(pids, WAIT) == []
        assert add(1, 2).result(WAIT) == 3
    processes.until(lambda: threads.status()["executors"]["threads"]["stuck"] == 0, WAIT)


@pytest.mark.fault("task", "a bash app runs on threads when the kernel is cleaned up", "all of it ends", bound=30)
def test_tree_on_threads_at_cleanup(threads: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    path = tmp_path / "pids"
    future = tree(str(path))
    pids = lines(path, 4)
    with stopwatch:
        threads.cleanup()
        assert processes.wait_for_end(pids, WAIT) == []
    assert future.cancelled()
