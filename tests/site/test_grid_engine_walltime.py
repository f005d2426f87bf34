"""Blocks of one minute on Grid Engine, and work that goes on for longer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.site.grid_engine_apps import where

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import Measure

pytest_plugins = ("tests.site.grid_engine_fixtures",)
pytestmark = pytest.mark.xdist_group("grid_engine_walltime")

WAIT = 120
STREAM_S = 80
TASK_S = 2.0


def test_a_stream_of_tasks_outlives_blocks(start: Callable[..., DataFlowKernel], measure: Measure) -> None:
    kernel = start(walltime="00:01:00", init_blocks=1, max_blocks=2, retries=0)
    futures, pause = [], threading.Event()
    until = time.monotonic() + STREAM_S
    while time.monotonic() < until:
        futures.append(where(TASK_S, len(futures)))
        pause.wait(1)
    results = [future.result(WAIT) for future in futures]
    assert [number for number, _ in results] == list(range(len(futures)))
    tasks = Counter(job for _, job in results)
    assert len(tasks) >= 2, tasks
    summary = kernel.summary()
    assert (summary.states, summary.retries, summary.losses) == ({"exec_done": len(futures)}, {}, 0)
    measure.note(f"{len(futures)} tasks of {TASK_S:g} s in {len(tasks)} blocks of a minute", STREAM_S)
