"""A manager dies, freezes, is told to end, and comes back too late."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from parsl_like import python_app
from parsl_like.errors import ManagerLost, TaskLost
from tests.faults import processes
from tests.faults.apps import add, ended_in, let_go, note, ran_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@pytest.mark.fault("manager", "killed while a task runs", "the task runs again in a new block, at once", bound=5)
def test_killed(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: len(ran_in(path)) == 1, WAIT)
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch:
        processes.until(lambda: len(ran_in(path)) == 2, WAIT)
        let_go(path)
        assert future.result(WAIT)
    status = run.status()
    assert status["tasks"]["losses"] == 1
    assert status["executors"]["htex"]["lost"] == 1


@pytest.mark.fault("manager", "killed while a task runs", "its workers, and what they started, are gone", bound=5)
def test_workers_die_with_it(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    path = tmp_path / "task"
    note(str(path))
    processes.until(lambda: len(ran_in(path)) == 1, WAIT)
    workers = processes.of("worker")
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch:
        assert not processes.wait_for_end(workers, WAIT)
    let_go(path)


@pytest.mark.fault("manager", "killed while it is idle", "the next task runs in a new block", bound=5)
def test_killed_while_idle(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch:
        assert add(2, 2).result(WAIT) == 4
    assert run.summary().losses <= 1  # the task may have been on its way


@pytest.mark.fault("manager", "killed in the middle of 20,000 short tasks", "each has its result, once", bound=20)
def test_killed_in_a_crowd(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    futures = [add(number, 1) for number in range(20_000)]
    futures[1000].result(WAIT)
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch:
        assert [future.result(WAIT) for future in futures] == [number + 1 for number in range(20_000)]
    assert run.summary().states["exec_done"] == 20_000


@pytest.mark.fault(
    "manager", "killed, with lost_retries=0", "ManagerLost names the manager, its host and the likely cause", bound=5
)
def test_no_second_chance(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    make_run(lost_retries=0)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: len(ran_in(path)) == 1, WAIT)
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch, pytest.raises(ManagerLost, match="process has ended") as caught:
        future.result(WAIT)
    assert os.uname().nodename in str(caught.value)
    assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "manager", "a task kills its manager each time", "TaskLost after lost_retries; others run on", bound=45
)
def test_task_kills_its_managers(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    @python_app
    def kill_manager() -> None:
        import os
        import signal
        import time

        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    assert add(1, 2).result(WAIT) == 3
    with stopwatch:
        future = kill_manager()
        with pytest.raises(TaskLost):
            future.result(WAIT)
        assert add(2, 2).result(WAIT) == 4
    assert run.summary().losses == 4


def manager_of(path: Path) -> int:
    """The manager of the worker that began a task last."""
    return psutil.Process(int(path.read_text().split()[-1])).ppid()


@pytest.mark.fault(
    "manager",
    "stopped for longer than the threshold, then continued",
    "the task runs elsewhere, the manager is told to leave, its late result is dropped and counted",
    bound=10,
)
def test_stopped_and_continued(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run(heartbeat_period=1, heartbeat_threshold=5, blocks=2, workers=1)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: len(ran_in(path)) == 1, WAIT)
    first = manager_of(path)
    os.kill(first, signal.SIGSTOP)
    with stopwatch:
        processes.until(lambda: len(ran_in(path)) == 2, WAIT)
    workers = [int(line) for line in path.read_text().split()]
    let_go(path)
    assert future.result(WAIT) == workers[1]
    assert kernel.status()["tasks"]["stale"] == 0
    processes.until(lambda: workers[0] in ended_in(path), WAIT)
    processes.until(lambda: psutil.Process(workers[0]).status() == psutil.STATUS_SLEEPING, WAIT)  # it has told
    os.kill(first, signal.SIGCONT)
    assert not processes.wait_for_end([first], WAIT)
    processes.until(lambda: kernel.status()["tasks"]["stale"] == 1, WAIT)
    assert future.result() == workers[1]
    assert kernel.status()["executors"]["htex"]["lost"] == 1
    assert kernel.summary().losses == 1


@pytest.mark.fault("manager", "stopped for less than the threshold", "nothing is lost, each task runs once", bound=5)
def test_stopped_for_a_moment(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run(heartbeat_period=1, heartbeat_threshold=5)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: len(ran_in(path)) == 1, WAIT)
    manager = processes.one("manager")
    os.kill(manager, signal.SIGSTOP)
    let_go(path)
    waiting = [add(number, 0) for number in range(100)]
    with pytest.raises(TimeoutError):
        future.result(3)
    os.kill(manager, signal.SIGCONT)
    with stopwatch:
        assert future.result(WAIT)
        assert [each.result(WAIT) for each in waiting] == list(range(100))
    assert len(ran_in(path)) == 1
    assert processes.one("manager") == manager
    assert kernel.summary().losses == 0


@pytest.mark.fault(
    "manager",
    "stopped together with the interchange for longer than the threshold",
    "the driver restarts the interchange, the manager comes back to it with what it holds: each task runs once",
    bound=9,
)
def test_stopped_together(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run(heartbeat_period=2, heartbeat_threshold=6)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: len(ran_in(path)) == 1, WAIT)
    manager, interchange = processes.one("manager"), processes.one("interchange")
    for pid in (manager, interchange):
        os.kill(pid, signal.SIGSTOP)
    assert not processes.wait_for_end([interchange], WAIT)
    os.kill(manager, signal.SIGCONT)
    let_go(path)
    with stopwatch:
        assert future.result(WAIT)
        assert add(1, 2).result(WAIT) == 3
    assert len(ran_in(path)) == 1
    assert processes.one("manager") == manager
    assert processes.one("interchange") != interchange
    assert kernel.summary().losses == 0


@pytest.mark.fault("manager", "told to end by its batch system (SIGTERM)", "its tasks run elsewhere at once", bound=6)
def test_told_to_end(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    paths = [tmp_path / str(number) for number in range(6)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(len(ran_in(path)) for path in paths) == 2, WAIT)
    os.kill(processes.one("manager"), signal.SIGTERM)
    with stopwatch:
        processes.until(lambda: sum(len(ran_in(path)) for path in paths) == 4, WAIT)
    let_go(*paths)
    assert all(future.result(WAIT) for future in futures)
    assert sum(len(ran_in(path)) for path in paths) == 8
    assert run.summary().losses == 2
    assert run.summary().states == {"exec_done": 6}


@pytest.mark.fault(
    "manager", "its whole node is told to end (SIGTERM to all)", "its tasks are moved, not failed", bound=6
)
def test_node_told_to_end(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    paths = [tmp_path / str(number) for number in range(2)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(len(ran_in(path)) for path in paths) == 2, WAIT)
    manager, workers = processes.one("manager"), processes.of("worker")
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    assert not processes.wait_for_end(workers, WAIT)
    os.kill(manager, signal.SIGTERM)
    with stopwatch:
        processes.until(lambda: sum(len(ran_in(path)) for path in paths) == 4, WAIT)
    let_go(*paths)
    assert all(future.result(WAIT) for future in futures)
    assert run.summary().states == {"exec_done": 2}
    assert run.summary().losses == 2


@pytest.mark.fault("manager", "told to end while it is idle", "the next task runs in a new block", bound=6)
def test_told_to_end_while_idle(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    os.kill(processes.one("manager"), signal.SIGTERM)
    with stopwatch:
        assert add(2, 2).result(WAIT) == 4
    assert run.summary().losses <= 1  # the task may have been on its way
