"""An ad hoc cluster: a host that is cut off for good, and one that crashes and comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import processes
from tests.site.ad_hoc import KINDS, WAIT, both_work, runs, work

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.ad_hoc import Hosts
    from tests.site.conftest import Measure

pytest_plugins = ["tests.site.ad_hoc_fixtures"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tasks_of_a_host_that_is_cut_off_for_good_move(
    load_on_hosts: Callable[..., DataFlowKernel], hosts: Hosts, kind: str, measure: Measure
) -> None:
    kernel = load_on_hosts(kind)
    both_work(hosts)
    futures = [work(number, 1.0) for number in range(24)]
    processes.until(lambda: bool(runs(hosts, "h1")), WAIT, "tasks on h1")
    hosts.system("cut", "h1")
    cut = time.time()
    results = [future.result(WAIT) for future in futures]
    measure.since("a host is cut off for good, to the results of all tasks", cut, 60)
    assert [number for number, _, _ in results] == list(range(24))
    assert "h2" in {host for _, host, _ in results}
    assert kernel.summary().retries == {}, "who loses a host loses none of a task's tries"
    assert 1 <= kernel.summary().losses <= 6, "only what h1 had"
    ended = time.time()
    kernel.cleanup()
    measure.since("the end of a run with a host that is cut off", ended, 60)


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_has_crashed_is_used_again_when_it_is_back(
    load_on_hosts: Callable[..., DataFlowKernel], hosts: Hosts, kind: str, measure: Measure
) -> None:
    kernel = load_on_hosts(kind, strategy="simple")
    both_work(hosts)
    hosts.system("crash", "h1")
    assert {work(number, 0.1).result(WAIT)[1] for number in range(4)} == {"h2"}
    executor: Any = kernel.config.executors[0]  # type: ignore[index]
    processes.until(lambda: len(executor.connected_managers()) == 1, WAIT, "one manager")
    hosts.system("boot", "h1")
    booted = time.time()
    both_work(hosts)
    measure.since("a crashed host is there again and asked for, to its first result", booted)
