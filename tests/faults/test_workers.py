"""Worker processes die: under a task, idle, at random, and before they are ready."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from parsl_like import bash_app, python_app
from parsl_like.errors import WorkerLost
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.app.futures import AppFuture
    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 120


@python_app
def square(x: int) -> int:
    import time

    time.sleep(0.0005 * (x % 5))
    return x * x


@python_app
def place() -> int:
    import os

    return os.getpid()


@python_app
def waits(path: str) -> int:
    """Says where it runs, and stays until it is let go."""
    import os
    import time

    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    while not os.path.exists(path + ".go"):
        time.sleep(0.01)
    return os.getpid()


def running(path: Path, tries: int = 1) -> int:
    """The process that runs the given try, once it does."""
    processes.until(lambda: path.exists() and path.read_text().count("\n") >= tries, WAIT)
    return int(path.read_text().splitlines()[tries - 1])


@pytest.mark.fault("worker", "killed under a task", "WorkerLost; its neighbour is not touched", bound=5)
def test_killed_under_a_task(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    doomed, other = waits(str(tmp_path / "a")), waits(str(tmp_path / "b"))
    pid, beside = running(tmp_path / "a"), running(tmp_path / "b")
    os.kill(pid, signal.SIGKILL)
    with stopwatch:
        with pytest.raises(WorkerLost, match=r"signal 9 \(SIGKILL\)(?s:.*)try 0"):
            doomed.result(WAIT)
        assert place().result(WAIT) not in (pid, beside)
    (tmp_path / "b.go").touch()
    assert other.result(WAIT) == beside


@pytest.mark.fault("worker", "killed under a task that may be retried", "the task runs again; one result", bound=5)
def test_killed_and_retried(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run(workers=1, retries=1)
    path = tmp_path / "a"
    future = waits(str(path))
    first = running(path)
    with stopwatch:
        os.kill(first, signal.SIGKILL)
        second = running(path, tries=2)
        (tmp_path / "a.go").touch()
        assert future.result(WAIT) == second != first
    assert kernel.summary().retries == {"waits": 1}
    assert kernel.summary().states == {"exec_done": 1}


@pytest.mark.fault("worker", "killed while it is idle", "nobody notices; it is replaced", bound=5)
def test_killed_while_idle(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    place().result(WAIT)
    processes.until(lambda: len(processes.of("worker")) == 2, WAIT)
    before = processes.of("worker")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    with stopwatch:
        assert [future.result(WAIT) for future in [square(number) for number in range(20)]] == [
            number * number for number in range(20)
        ]
        processes.until(lambda: len(set(processes.of("worker")) - set(before)) == 2, WAIT)
    assert run.summary().retries == {}
    assert run.status()["tasks"]["losses"] == 0


@pytest.mark.fault("worker", "interrupted (SIGINT) while it is idle", "it lives on", bound=5)
def test_interrupted_while_idle(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    make_run(workers=1)
    before = place().result(WAIT)
    with stopwatch:
        for _ in range(10):
            os.kill(before, signal.SIGINT)
            assert place().result(WAIT) == before


@pytest.mark.fault("worker", "terminated (SIGTERM) while it is idle", "nobody notices; it is replaced", bound=5)
def test_terminated_while_idle(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    make_run(workers=1)
    before = place().result(WAIT)
    os.kill(before, signal.SIGTERM)
    with stopwatch:
        assert processes.wait_for_end([before], WAIT) == []
        assert place().result(WAIT) != before


@pytest.mark.fault(
    "worker", "killed at random, 100 times, under 10,000 tasks", "each task has its result, none counts twice", bound=60
)
def test_killed_at_random(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    kernel = make_run(workers=4, retries=100)
    place().result(WAIT)
    chance = random.Random(5)
    futures: list[AppFuture[int]] = []
    with stopwatch:
        for _ in range(100):
            futures += [square(number) for number in range(len(futures), len(futures) + 100)]
            futures[-50].result(WAIT)  # workers die while they work, not only while they start
            if victims := processes.of("worker"):
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
        assert [future.result(WAIT) for future in futures] == [number * number for number in range(10_000)]
    assert kernel.summary().states == {"exec_done": 10_001}
    assert kernel.status()["tasks"]["outstanding"] == 0


@pytest.mark.fault("worker", "killed before it is ready, 4 times", "it is started again; its tasks run", bound=10)
def test_killed_while_starting(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    # One that is killed a moment too late has begun with the task, which is then its fault as far as anybody knows.
    make_run(workers=1, retries=4)
    future = square(3)
    killed: set[int] = set()
    with stopwatch:
        while len(killed) < 4:
            processes.until(lambda: set(processes.of("worker")) - killed, WAIT)
            pid = (set(processes.of("worker")) - killed).pop()
            killed.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert future.result(WAIT) == 9


BACKGROUND = """\
setsid bash -c 'trap "" TERM; echo $$ >> {path}; exec sleep 10000' &
timeout 10000 bash -c 'echo $$ >> {path}; exec sleep 10000' &
(setsid nohup bash -c 'echo $$ >> {path}; exec sleep 10000' > /dev/null 2>&1 &)
echo $$ >> {path}
wait
"""


@pytest.mark.fault(
    "worker", "killed under a bash app with setsid, timeout and a daemon", "WorkerLost; all of it ends", bound=5
)
def test_killed_under_a_tree(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    @bash_app
    def tree(path: str) -> str:
        return BACKGROUND.format(path=path)

    make_run(workers=1)
    worker = place().result(WAIT)
    path = tmp_path / "pids"
    future = tree(str(path))
    processes.until(lambda: path.exists() and path.read_text().count("\n") == 4, WAIT)
    pids = [int(line) for line in path.read_text().splitlines()]
    os.kill(worker, signal.SIGKILL)
    with stopwatch:
        with pytest.raises(WorkerLost):
            future.result(WAIT)
        assert place().result(WAIT) != worker
        assert processes.wait_for_end(pids, WAIT) == []
