"""A real Grid Engine that is broken under a run: its qmaster is killed and frozen, its jobs are deleted by others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.site.grid_engine import ROOT, connected, reasons
from tests.site.grid_engine_apps import where

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import Measure
    from tests.site.grid_engine import GridEngine

pytest_plugins = ("tests.site.grid_engine_fixtures",)
pytestmark = pytest.mark.xdist_group("grid_engine_faults")

WAIT = 150


def test_deleted_by_somebody_else(
    start: Callable[..., DataFlowKernel], grid_engine: GridEngine, measure: Measure
) -> None:
    kernel = start(max_workers_per_node=1)
    future = where(3, 1)
    job = grid_engine.the_running_job()
    grid_engine.until(lambda: connected(kernel), "its manager")
    began = time.time()
    grid_engine.ask("qdel", job)
    number, other = future.result(WAIT)
    measure.since("qdel to the task's end in another block", began, 60)
    assert number == 1
    assert other != job
    grid_engine.until(lambda: job in reasons(kernel), "its end")
    measure.since("qdel to the end of the block in the records", began, 60)
    assert reasons(kernel)[job].startswith("CANCELLED: Grid Engine says: failed 100")
    assert (kernel.summary().retries, kernel.summary().states) == ({}, {"exec_done": 1})


def test_the_qmaster_freezes_and_is_restarted(
    start: Callable[..., DataFlowKernel], grid_engine: GridEngine, measure: Measure
) -> None:
    kernel = start(max_workers_per_node=2, max_blocks=2, cmd_timeout=3)
    assert where(0, 0).result(WAIT)[0] == 0
    (first,) = (job.id for job in grid_engine.jobs())
    grid_engine.signal("qmaster", signal.SIGSTOP)
    frozen = [where(1, number) for number in range(10)]
    assert {future.result(WAIT)[1] for future in frozen} == {first}, "the block goes on"
    threading.Event().wait(5)
    grid_engine.signal("qmaster", signal.SIGCONT)
    grid_engine.signal("qmaster", signal.SIGKILL)
    away = [where(2, number) for number in range(20)]
    threading.Event().wait(3)
    grid_engine.start("qmaster")
    began = time.time()
    grid_engine.until(lambda: len(grid_engine.running()) == 2, "the second block")
    measure.since("the qmaster's return to a second running block", began, 60)
    assert [future.result(WAIT)[0] for future in away] == list(range(20))
    assert len(grid_engine.jobs()) == 2, "however often it was asked for"
    summary = kernel.summary()
    assert (summary.states, summary.losses, summary.retries) == ({"exec_done": 31}, 0, {})


def test_the_program_is_killed(grid_engine: GridEngine, tmp_path: Path, measure: Measure) -> None:
    """One of its blocks runs, the other waits for room: both end by themselves."""
    grid_engine.ask("qconf", "-rattr", "queue", "slots", "1", "main.q")
    try:
        command = [sys.executable, "-m", "tests.site.grid_engine_driver", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as driver:
            try:
                assert driver.stdout is not None
                number = driver.stdout.readline().strip()
                grid_engine.until(lambda: len(grid_engine.jobs()) == 2, "two jobs")
                # A job is transferred for a while, though what it starts may run already.
                grid_engine.until(lambda: [job.id for job in grid_engine.running()] == [number], "one that runs")
            finally:
                with suppress(ProcessLookupError):
                    os.kill(driver.pid, signal.SIGKILL)
        began = time.time()
        grid_engine.until(lambda: not grid_engine.jobs(), "the end of both blocks", seconds=90)
        measure.since("SIGKILL of the program to the end of its blocks", began, 60)
    finally:
        grid_engine.ask("qconf", "-rattr", "queue", "slots", "8", "main.q")
