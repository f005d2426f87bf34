"""An ad hoc cluster: hosts with an sshd and a /tmp of their own, one block on each, and no batch system."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

import parsl_like
from parsl_like import Config, HighThroughputExecutor
from parsl_like.executors.high_throughput.broker import package_root
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import AdHocProvider
from tests.faults import processes
from tests.site.ad_hoc import KINDS, WAIT, both_work, managers, runs, work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.ad_hoc import Hosts
    from tests.site.conftest import Measure

pytest_plugins = ["tests.site.ad_hoc_fixtures"]


@pytest.mark.parametrize("kind", KINDS)
def test_hosts_share_nothing_and_both_work(
    load_on_hosts: Callable[..., DataFlowKernel], hosts: Hosts, kind: str, tmp_path: Path
) -> None:
    kernel = load_on_hosts(kind)
    both_work(hosts)
    assert hosts.processes("h1")
    assert hosts.on("h1", f"ls -d {tmp_path} 2> /dev/null") == "", "they see nothing of this machine's /tmp"
    assert "manager.key" in hosts.on("h1", "ls /tmp/jobs/*/*.files")
    assert hosts.on("h1", "stat -c %a /tmp/jobs/*/*.files/manager.key").strip() == "600"
    kernel.cleanup()
    assert hosts.on("h1", "ls -d /tmp/jobs/*/*.files 2> /dev/null") == ""
    assert not hosts.processes("h1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_is_cut_off_for_two_seconds_loses_nothing_and_runs_nothing_again(
    load_on_hosts: Callable[..., DataFlowKernel], hosts: Hosts, kind: str, measure: Measure
) -> None:
    kernel = load_on_hosts(kind)
    both_work(hosts)
    futures = [work(number, 0.5) for number in range(60)]
    processes.until(lambda: sum(future.done() for future in futures) >= 8, WAIT, "tasks that are done")
    before = managers(kernel)
    hosts.system("cut", "h1")
    time.sleep(2)  # what is tested is a cut of two seconds
    hosts.system("join", "h1")
    joined = time.time()
    results = [future.result(WAIT) for future in futures]
    measure.since("a host is there again after 2 s, to the results of its tasks", joined)
    assert [number for number, _, _ in results] == list(range(60))
    assert {host for _, host, _ in results} == {"h1", "h2"}
    began = runs(hosts, "h1") | runs(hosts, "h2")
    assert sum(runs(hosts, "h1").values()) + sum(runs(hosts, "h2").values()) == 60, "each has begun once"
    assert set(began.values()) == {1}
    assert managers(kernel) == before, "the same managers"
    assert kernel.summary().retries == {}
    assert kernel.summary().losses == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_refuses_the_key_does_not_keep_the_other_from_working(
    load_on_hosts: Callable[..., DataFlowKernel], hosts: Hosts, kind: str, tmp_path: Path
) -> None:
    refused = hosts.channel("h1", kind)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    refused.key_filename = str(tmp_path / "other")  # type: ignore[attr-defined]
    provider = AdHocProvider(
        [refused, hosts.channel("h2", kind)],
        launcher=SimpleLauncher(),
        worker_init=f"export PYTHONPATH={package_root()}",
        cmd_timeout=30,
    )
    htex = HighThroughputExecutor("htex", provider, address=hosts.head, max_workers_per_node=1, cores_per_worker=0.01)
    with parsl_like.load(Config([htex], run_dir=str(tmp_path / "runinfo"))) as kernel:
        assert {work(number, 0.1).result(WAIT)[1] for number in range(4)} == {"h2"}
        status = json.dumps(kernel.status(), default=str)
        assert hosts.address("h1") in status, "why there is one block less is in the status"
