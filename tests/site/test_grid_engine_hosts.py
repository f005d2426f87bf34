"""Hosts of a real Grid Engine that die, wholly or in part."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.site.grid_engine import connected, reasons
from tests.site.grid_engine_apps import where

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import Measure
    from tests.site.grid_engine import GridEngine

pytest_plugins = ("tests.site.grid_engine_fixtures",)
pytestmark = pytest.mark.xdist_group("grid_engine_hosts")

WAIT = 150


def test_the_execution_daemon_dies(
    start: Callable[..., DataFlowKernel], grid_engine: GridEngine, measure: Measure
) -> None:
    """The jobs do not notice; at the end of the run they are deleted by force."""
    kernel = start(max_workers_per_node=2)
    futures = [where(1, number) for number in range(32)]
    job = grid_engine.the_running_job()
    assert futures[0].result(WAIT) == (0, job)
    grid_engine.signal("execd", signal.SIGKILL)
    grid_engine.until(grid_engine.has_lost_its_host, "the qmaster to notice")
    assert {future.result(WAIT)[1] for future in futures} == {job}
    began = time.time()
    kernel.cleanup()
    measure.since("cleanup without an execution daemon", began, 30)
    assert grid_engine.jobs() == []
    grid_engine.start("execd")


def test_the_host_dies(start: Callable[..., DataFlowKernel], grid_engine: GridEngine, measure: Measure) -> None:
    kernel = start(max_workers_per_node=1, max_blocks=2)
    future = where(5, 1)
    job = grid_engine.the_running_job()
    grid_engine.until(lambda: connected(kernel), "its manager")
    grid_engine.system("lose_host")
    grid_engine.until(grid_engine.has_lost_its_host, "the qmaster to notice")
    began = time.time()
    grid_engine.until(lambda: job in reasons(kernel), "the end of the block", seconds=90)
    measure.since("the qmaster's notice of a dead host to the end of the block", began, 60)
    grid_engine.start("execd")
    number, other = future.result(WAIT)
    assert number == 1
    assert other != job
    assert kernel.summary().retries == {}
    measure.since("the same, to the task's end on the host that is back", began)
