"""What a run says of itself when something goes wrong, without anybody reading a log."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.dataflow import stalls
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@python_app
def note(path: str) -> str:
    """Says that it runs, and goes on when it may."""
    import os
    import time

    with open(path, "a") as file:
        file.write("ran\n")
    while not os.path.exists(path + ".go"):
        time.sleep(0.01)
    return path


def kinds(entries: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    return [(each["where"], each["kind"], each["count"]) for each in entries]


@pytest.mark.fault(
    "manager",
    "killed, its task runs again",
    "status() says what is lost, waits and is connected, since when; a few lines at the end of the run",
    bound=30,
)
def test_a_lost_manager_is_told(
    make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch, capfd: pytest.CaptureFixture[str]
) -> None:
    began = time.time()
    kernel = make_run(workers=1, heartbeat_period=1, heartbeat_threshold=5)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(path.exists, WAIT)
    (before,) = kernel.status()["executors"]["htex"]["connected"]
    assert (before["block"], before["workers"], before["draining"]) == ("0", 1, False)
    assert began <= before["since"] <= time.time()
    (oldest,) = kernel.status()["tasks"]["oldest"]["launched"]
    assert (oldest["task"], oldest["losses"]) == (future.tid, 0)
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch:
        processes.until(lambda: path.read_text() == "ran\nran\n", WAIT)
        # The driver may hear of the new manager after its task has begun.
        processes.until(lambda: kernel.status()["executors"]["htex"]["connected"], WAIT)
        status = kernel.status()
        (after,) = status["executors"]["htex"]["connected"]
        assert after["manager"] != before["manager"]
        assert status["executors"]["htex"]["lost"] == status["tasks"]["losses"] == 1
        processes.until(lambda: kernel.status()["blocks"]["htex"]["failures"] == 1, WAIT)
        (path.parent / "task.go").touch()
        assert future.result(WAIT) == str(path)
        capfd.readouterr()
        parsl_like.clear()
    found = kinds(kernel.summary().troubles)
    assert found == [("tasks", "losses", 1), ("executor htex", "lost", 1), ("blocks of htex", "failed", 1)]
    told = capfd.readouterr().err
    assert told.startswith("parsl_like: not all went well in this run:\n  tasks: 1 loss:")
    assert "  executor htex: 1 manager lost at " in told
    assert "  blocks of htex: 1 block failed at " in told
    assert told.endswith(f"  More is in {kernel.run_dir}.\n")


@pytest.mark.fault(
    "provider", "may give no block at all", "a warning with the cause and what to try, once, while tasks wait", bound=15
)
def test_tasks_that_nobody_will_run(
    make_run: Callable[..., DataFlowKernel],
    tmp_path: Path,
    stopwatch: Stopwatch,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stalls, "STALL_S", 1.0)
    kernel = make_run(blocks=0)
    told = ""

    def warned() -> bool:
        nonlocal told
        told += capfd.readouterr().err
        return "dfk.status()" in told

    with stopwatch:
        futures = [note(str(tmp_path / str(number))) for number in range(3)]
        processes.until(warned, WAIT, "the warning")
    first, hint, more = told.splitlines()
    assert first.startswith("parsl_like: executor htex: 3 task(s) have waited for 1 s and no worker is connected; ")
    assert hint == "  Try: raise max_blocks of the provider."
    assert kernel.run_dir in more
    assert kernel.status()["executors"]["htex"]["stalled"] <= time.time() - 1
    monkeypatch.setattr("parsl_like.dataflow.troubles.STALLED_S", 0.0)
    parsl_like.clear()
    assert all(future.cancelled() for future in futures)
    (trouble,) = kernel.summary().troubles
    assert (trouble["where"], trouble["kind"], trouble["count"]) == ("executor htex", "stalled", 3)
    assert "3 task(s) wait since" in capfd.readouterr().err
