"""A Grid Engine for the tests of a module that names this one as its plugin."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from tests.site.grid_engine import GridEngine, on_grid_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import System


@pytest.fixture(scope="session")
def grid_engine_system(bring_up: Callable[..., System]) -> System:
    """A Grid Engine of one host with eight slots."""
    return bring_up("grid_engine")


@pytest.fixture
def grid_engine(grid_engine_system: System) -> Iterator[GridEngine]:
    """The Grid Engine, whole and without jobs, for the commands of this process; a test may leave no job in it."""
    os.environ |= grid_engine_system.environment()
    grid_engine = GridEngine(grid_engine_system)
    yield grid_engine
    grid_engine.is_left_empty()


@pytest.fixture
def start(grid_engine: GridEngine, tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel from the options of :func:`on_grid_engine`; it is cleaned up after the test."""
    del grid_engine  # has to be there, and to be asked after the kernel is gone
    loaded: list[DataFlowKernel] = []

    def start(**options: Any) -> DataFlowKernel:
        loaded.append(parsl_like.load(on_grid_engine(tmp_path / "runinfo", **options)))
        return loaded[-1]

    yield start
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()
