"""A connection of which one end is gone and the other does not know."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from parsl_like import python_app
from parsl_like.providers import LocalProvider
from tests.faults import processes
from tests.faults.namespaces import cluster, tcp_peers

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@python_app
def add(x: int, y: int) -> int:
    return x + y


@pytest.mark.skipif(shutil.which("ss") is None, reason="ss not found (iproute2)")
@pytest.mark.fault(
    "network",
    "half-open: a data connection ends on the interchange's side while the cable is out, the other one does not",
    "the idle manager connects again; the next task runs",
    bound=12,
)
def test_a_data_connection_that_ends_unheard(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    with cluster(1) as there:
        (host,) = there.hosts
        provider = LocalProvider(init_blocks=1, min_blocks=0, max_blocks=1, launcher=there.launcher())
        kernel = make_run(provider=provider, address=there.address, heartbeat_period=1, heartbeat_threshold=6)
        assert add(1, 2).result(WAIT) == 3
        manager = processes.one("manager")
        assert tcp_peers(manager) == {there.address}
        urls = kernel.executors["htex"].block_request("9").addresses  # type: ignore[attr-defined]
        (port,) = {urlsplit(url).port for url in urls if url.startswith("tcp:")}
        there.unplug(host)
        chosen = ["dst", there.address_of(host), "sport", "=", f":{port}"]
        killed = subprocess.run(["ss", "-K", "-t", "-H", *chosen], capture_output=True, text=True, check=False)
        there.mend(host)
        if not killed.stdout.strip():
            pytest.skip(f"this kernel does not end connections for others: {killed.stderr.strip()}")
        with stopwatch:
            assert add(2, 2).result(WAIT) == 4
        assert processes.one("manager") == manager
        assert kernel.status()["executors"]["htex"]["lost"] == 0
