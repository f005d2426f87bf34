"""Runs to break: kernels with real processes, and what a broken task says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel


def local_config(run_dir: str | Path, *, workers: int = 2, blocks: int = 1, **options: Any) -> Config:
    """An HTEX on this machine. Options of the Config, or of the executor where it has such a field."""
    fields = HighThroughputExecutor.__dataclass_fields__
    executor = {name: options.pop(name) for name in tuple(options) if name in fields}
    provider = executor.pop("provider", None) or LocalProvider(init_blocks=blocks, min_blocks=0, max_blocks=blocks)
    htex = HighThroughputExecutor(
        label="htex", max_workers_per_node=workers, cores_per_worker=0.01, provider=provider, **executor
    )
    return Config(executors=[htex], run_dir=str(run_dir), **options)


@pytest.fixture(scope="session", autouse=True)
def pyzmq_thread() -> None:
    """pyzmq starts a thread of the process for the first large part that is lent to a socket; it is nobody's leak."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.PAIR) as there, context.socket(zmq.PAIR) as here:
        there.bind("inproc://lent")
        here.connect("inproc://lent")
        here.send(bytes(1_000_000), copy=False)
        there.recv()


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel from the options of :func:`local_config`; it is cleaned up after the test."""
    loaded: list[DataFlowKernel] = []

    def make(**options: Any) -> DataFlowKernel:
        loaded.append(parsl_like.load(local_config(tmp_path / "runinfo", **options)))
        return loaded[-1]

    yield make
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()


@pytest.fixture
def run(make_run: Callable[..., DataFlowKernel]) -> DataFlowKernel:
    """A kernel with one local block of two workers, all defaults otherwise."""
    return make_run()
