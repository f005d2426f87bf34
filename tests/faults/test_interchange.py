"""The interchange dies, freezes, and comes back."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from parsl_like import python_app
from parsl_like.errors import InterchangeLostError
from tests.faults import processes
from tests.faults.apps import add, let_go, note, ran_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@pytest.mark.fault(
    "interchange", "killed while tasks run and wait", "it is restarted; each task runs once, none is lost", bound=10
)
def test_killed(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    paths = [tmp_path / str(number) for number in range(20)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(path.exists() for path in paths) >= 2, WAIT)
    before = processes.one("interchange")
    os.kill(before, signal.SIGKILL)
    with stopwatch:
        assert add(1, 2, priority=-1) is not None
        processes.until(lambda: processes.of("interchange") not in ([], [before]), WAIT)
        let_go(*paths)
        assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    assert all(len(path.read_text().splitlines()) == 1 for path in paths)
    assert run.status()["executors"]["htex"]["restarts"] == 1


@pytest.mark.fault("interchange", "killed while it is idle", "the next task runs", bound=10)
def test_killed_while_idle(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    os.kill(processes.one("interchange"), signal.SIGKILL)
    with stopwatch:
        assert add(2, 2).result(WAIT) == 4


@pytest.mark.fault(
    "interchange", "killed in the middle of 20,000 short tasks", "each has its result, none counts twice", bound=20
)
def test_killed_in_a_crowd(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    futures = [add(number, 1) for number in range(20_000)]
    futures[1000].result(WAIT)
    os.kill(processes.one("interchange"), signal.SIGKILL)
    with stopwatch:
        assert [future.result(WAIT) for future in futures] == [number + 1 for number in range(20_000)]
    assert run.summary().states["exec_done"] == 20_000


@pytest.mark.fault(
    "interchange", "dies again and again", "InterchangeLostError for every task; later submits fail at once", bound=10
)
def test_dies_again_and_again(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    futures = [note(str(tmp_path / str(number))) for number in range(5)]
    processes.until((tmp_path / "0").exists, WAIT)
    killed: set[int] = set()
    while len(killed) < 4:
        processes.until(lambda: set(processes.of("interchange")) - killed, WAIT)
        pid = (set(processes.of("interchange")) - killed).pop()
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    with stopwatch:
        for future in futures:
            with pytest.raises(InterchangeLostError, match=r"signal 9.*has been restarted 3 times"):
                future.result(WAIT)
        with pytest.raises(InterchangeLostError):
            add(1, 2).result(WAIT)
    processes.until(lambda: not processes.of("manager") and not processes.of("worker"), WAIT)


@pytest.mark.fault("interchange", "stopped for ever", "it is killed and restarted; no task is lost", bound=13)
def test_stopped(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    make_run(heartbeat_period=1, heartbeat_threshold=5)
    assert add(1, 2).result(WAIT) == 3
    os.kill(processes.one("interchange"), signal.SIGSTOP)
    with stopwatch:
        assert add(2, 2).result(WAIT) == 4


@pytest.mark.fault("interchange", "stopped for a moment, then continued", "nothing is lost, nothing restarted", bound=5)
def test_stopped_for_a_moment(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run(heartbeat_period=1, heartbeat_threshold=5)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(path.exists, WAIT)
    pid = processes.one("interchange")
    os.kill(pid, signal.SIGSTOP)
    let_go(path)
    waiting = [add(number, 0) for number in range(100)]
    with pytest.raises(TimeoutError):
        future.result(2)
    os.kill(pid, signal.SIGCONT)
    with stopwatch:
        assert future.result(WAIT) == ran_in(path)[-1]
        assert [each.result(WAIT) for each in waiting] == list(range(100))
    assert len(path.read_text().splitlines()) == 1
    assert processes.one("interchange") == pid
    assert kernel.status()["executors"]["htex"]["restarts"] == 0


@pytest.mark.fault(
    "interchange", "killed, with managers over TCP", "it listens at the same ports; each task runs once", bound=15
)
def test_killed_over_tcp(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run(transport="tcp")
    paths = [tmp_path / str(number) for number in range(10)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(path.exists() for path in paths) >= 2, WAIT)
    manager = processes.one("manager")
    ports = {each.raddr.port for each in psutil.Process(manager).net_connections("tcp") if each.raddr}
    assert len(ports) == 2
    os.kill(processes.one("interchange"), signal.SIGKILL)
    with stopwatch:
        let_go(*paths)
        assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    assert all(len(path.read_text().splitlines()) == 1 for path in paths)
    assert {each.raddr.port for each in psutil.Process(manager).net_connections("tcp") if each.raddr} == ports
    assert kernel.status()["executors"]["htex"]["restarts"] == 1


@pytest.mark.fault(
    "interchange", "killed while a 100 MB argument is on its way", "the value arrives, computed once more", bound=20
)
@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_killed_under_a_large_argument(
    make_run: Callable[..., DataFlowKernel], transport: str, stopwatch: Stopwatch
) -> None:
    make_run(transport=transport)
    assert add(1, 2).result(WAIT) == 3

    @python_app
    def size(data: bytes) -> int:
        return len(data)

    data = bytes(100_000_000)
    futures = [size(data) for _ in range(5)]
    os.kill(processes.one("interchange"), signal.SIGKILL)
    with stopwatch:
        assert [future.result(WAIT) for future in futures] == [len(data)] * 5


@pytest.mark.fault(
    "interchange", "killed together with its only manager", "tasks run again on a new block, as losses", bound=30
)
def test_killed_with_its_manager(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(path.exists, WAIT)
    manager, interchange = processes.one("manager"), processes.one("interchange")
    os.kill(interchange, signal.SIGKILL)  # first: it must not have the time to tell of the manager's end
    os.kill(manager, signal.SIGKILL)
    let_go(path)
    with stopwatch:
        assert future.result(WAIT) == ran_in(path)[-1]
    assert len(path.read_text().splitlines()) == 2
    assert run.summary().losses == 1
