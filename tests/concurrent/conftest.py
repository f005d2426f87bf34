"""Pools on threads and on worker processes: one kernel of each kind for a module, a pool for each test."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.concurrent import ParslPoolExecutor
from parsl_like.config import Config
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 2


def threads_config(run_dir: str) -> Config:
    return Config([ThreadPoolExecutor(max_threads=THREADS)], run_dir=run_dir)


def htex_config(run_dir: str) -> Config:
    provider = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
    executor = HighThroughputExecutor("htex", provider, max_workers_per_node=2, cores_per_worker=0.1)
    return Config([executor], run_dir=run_dir)


CONFIGS = {"threads": threads_config, "htex": htex_config}
KINDS = ["threads", pytest.param("htex", marks=pytest.mark.integration)]


def warm(kernel: DataFlowKernel) -> DataFlowKernel:
    """Start whatever the kernel would start later, so that no test is blamed for it."""
    if "threads" in kernel.executors:
        barrier = threading.Barrier(THREADS)
        for future in [kernel.submit(barrier.wait, [30]) for _ in range(THREADS)]:
            future.result(60)
    else:
        kernel.submit(len, [b"x" * 1_000_000]).result(60)
    return kernel


@pytest.fixture(params=KINDS)
def make_config(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Config]:
    return lambda: CONFIGS[request.param](str(tmp_path / "runinfo"))


@pytest.fixture(scope="module", params=KINDS)
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFlowKernel]:
    with DataFlowKernel(CONFIGS[request.param](str(tmp_path_factory.mktemp("runinfo")))) as kernel:
        yield warm(kernel)


@pytest.fixture
def pool(kernel: DataFlowKernel) -> Iterator[ParslPoolExecutor]:
    with ParslPoolExecutor(dfk=kernel) as pool:
        yield pool
        pool.shutdown(wait=False, cancel_futures=True)


@pytest.fixture
def own_pool(tmp_path: Path) -> Iterator[ParslPoolExecutor]:
    """A pool on threads with a kernel of the test's own: calls that are stopped while they run leave traces in it."""
    with ParslPoolExecutor(threads_config(str(tmp_path / "own"))) as pool:
        yield pool


class Gate:
    """Something that calls wait for wherever they run, and that says how many of them have come to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def open(self) -> None:
        Path(self.folder, "open").touch()

    def passing(self, value: Any = None) -> Any:
        """For the calls: wait until it is open, then give the value."""
        Path(self.folder, f"at-{os.getpid()}-{threading.get_ident()}").touch()
        while not Path(self.folder, "open").exists():
            time.sleep(0.01)
        return value

    def wait_for_callers(self, count: int) -> None:
        end = time.monotonic() + 60
        while len(list(Path(self.folder).glob("at-*"))) < count:
            assert time.monotonic() < end, "nobody comes"
            time.sleep(0.01)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    folder = tmp_path / "gate"
    folder.mkdir()
    gate = Gate(folder)
    yield gate
    gate.open()
