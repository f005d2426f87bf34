"""The same user-level tests under every executor that can run here: one kernel per module and executor."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel


def threads_config(run_dir: str, **options: object) -> Config:
    return Config(executors=[ThreadPoolExecutor(max_threads=4)], run_dir=run_dir, **options)


def htex_config(run_dir: str, **options: object) -> Config:
    executor = HighThroughputExecutor(
        label="htex",
        max_workers_per_node=2,
        cores_per_worker=0.1,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )
    return Config(executors=[executor], run_dir=run_dir, **options)


CONFIGS = {"threads": threads_config, "htex": htex_config}


def warm(kernel: DataFlowKernel) -> DataFlowKernel:
    """Start every thread that a shared kernel may ever start, so that none counts as left behind by a test."""
    for label, session in kernel.executors.items():
        if session.wants == "objects":
            count = session.description.max_threads
            barrier = threading.Barrier(count)
            for future in [kernel.submit(barrier.wait, [30], [label]) for _ in range(count)]:
                future.result(60)
        else:
            # Large enough to be lent to the socket: pyzmq starts a thread of the process for the first of those.
            kernel.submit(len, [b"x" * 1_000_000], [label]).result(60)
    return kernel


@pytest.fixture(params=sorted(CONFIGS))
def make_config(request: pytest.FixtureRequest) -> Callable[..., Config]:
    return CONFIGS[request.param]


@pytest.fixture
def make_htex() -> Callable[..., Config]:
    return htex_config


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFlowKernel]:
    """A loaded kernel, shared by the tests of a module."""
    run_dir = str(tmp_path_factory.mktemp("runinfo"))
    with parsl_like.load(CONFIGS[request.param](run_dir)) as loaded:
        yield warm(loaded)


@pytest.fixture
def own_htex(tmp_path: pathlib.Path) -> Iterator[DataFlowKernel]:
    """A loaded kernel with worker processes of the test's own, for tests that end some of them."""
    with parsl_like.load(htex_config(str(tmp_path))) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def htex(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFlowKernel]:
    """A loaded kernel with worker processes, shared by the tests of a module."""
    with parsl_like.load(htex_config(str(tmp_path_factory.mktemp("runinfo")))) as loaded:
        yield warm(loaded)
