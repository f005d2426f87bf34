"""Hosts of an ad hoc cluster, in a module that names this one as its plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import parsl_like
from parsl_like import Config, HighThroughputExecutor
from parsl_like.executors.high_throughput.broker import package_root
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import AdHocProvider
from tests.faults import processes
from tests.site.ad_hoc import Hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.system import System

THRESHOLD_S = 6.0
"""After so many seconds of silence a manager counts as gone."""


@pytest.fixture(scope="session")
def hosts_system(bring_up: Callable[..., System]) -> System:
    """Two hosts."""
    return bring_up("hosts", HOSTS=2, OWN_TMP=1)


@pytest.fixture
def hosts(hosts_system: System) -> Iterator[Hosts]:
    """The hosts; a test ends with both there, and nothing running on them."""
    hosts = Hosts(hosts_system)
    yield hosts
    hosts_system("up")  # one that has crashed
    for name in ("h1", "h2"):
        hosts.system("join", name)
        processes.until(lambda name=name: not hosts.processes(name), 60, f"{name} has nothing to run any more")


@pytest.fixture
def load_on_hosts(hosts: Hosts, tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel with a block on each host, by either kind of channel; it is cleaned up after the test."""
    loaded: list[DataFlowKernel] = []

    def load(kind: str, strategy: str = "none") -> DataFlowKernel:
        provider = AdHocProvider(
            [hosts.channel(name, kind) for name in ("h1", "h2")],
            launcher=SimpleLauncher(),
            worker_init=f"export PYTHONPATH={package_root()}",
            cmd_timeout=30,
        )
        htex = HighThroughputExecutor(
            "htex",
            provider,
            address=hosts.head,
            max_workers_per_node=2,
            cores_per_worker=0.01,
            heartbeat_period=1,
            heartbeat_threshold=THRESHOLD_S,
        )
        config = Config([htex], run_dir=str(tmp_path / "runinfo"), retries=0, strategy=strategy)
        loaded.append(parsl_like.load(config))
        return loaded[-1]

    yield load
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()
