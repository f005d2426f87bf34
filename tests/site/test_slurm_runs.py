"""Work on a real Slurm: over the nodes of one block, and in blocks that come and go with it."""

from __future__ import annotations

import json
import shutil
import sysconfig
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import parsl_like
from examples import source_census
from parsl_like.launchers import SrunLauncher
from tests.faults import processes
from tests.site.apps import meet, where
from tests.site.slurm import Watch, slurm_config

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import Measure
    from tests.site.slurm import Slurm

WAIT = 180
PACKAGES = ("asyncio", "concurrent", "email", "http", "json", "logging")


def test_census_over_the_nodes_of_a_block(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: Measure
) -> None:
    root = tmp_path / "sources"
    for name in PACKAGES:
        source = Path(sysconfig.get_path("stdlib"), name)
        shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    kernels: list[DataFlowKernel] = []
    load = parsl_like.load
    monkeypatch.setattr(parsl_like, "load", lambda config: kernels.append(load(config)) or kernels[-1])
    config = slurm_config(
        tmp_path / "runinfo",
        nodes_per_block=2,
        launcher=SrunLauncher(),
        worker_init="export PYTHONWARNINGS=ignore",
        max_workers_per_node=1,
    )
    began = time.time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the sources
        census = source_census.run_with_engine(root, tmp_path / "slurm", config)
        measure.since("census over 2 nodes", began)
        assert census == source_census.run_plain(root, tmp_path / "plain")
    json.dumps(census)
    (kernel,) = kernels
    assert set(kernel.summary().states) == {"exec_done"}
    assert (kernel.summary().losses, kernel.summary().retries) == (0, {})
    (job,) = slurm.jobs()
    assert job.nodes == "n[1-2]"
    places = Counter(record.fields["place"] for record in kernel.records.last("state") if "place" in record.fields)
    assert len(places) == 2, "one worker on each node had a part in it"


def test_srun_starts_exactly_what_was_asked(
    load: Callable[..., DataFlowKernel], slurm: Slurm, tmp_path: Path, measure: Measure
) -> None:
    began = time.time()
    kernel = load(nodes_per_block=3, launcher=SrunLauncher(), max_workers_per_node=2, prefetch_capacity=0)
    (tmp_path / "met").mkdir()
    met = [future.result(WAIT) for future in [meet(str(tmp_path / "met"), 6) for _ in range(6)]]
    measure.since("start to six workers on three nodes", began)
    assert Counter(node for node, _ in met) == {"n1": 2, "n2": 2, "n3": 2}
    assert {pid for _, pid in met} == set(processes.of("worker"))
    assert len(processes.of("manager")) == 3
    (executor,) = kernel.config.executors or ()
    assert [manager["worker_count"] for manager in executor.connected_managers()] == [2, 2, 2]  # type: ignore[union-attr]
    (job,) = slurm.live()
    assert (job.state, job.nodes) == ("RUNNING", "n[1-3]")


def test_blocks_come_and_go_with_the_work(load: Callable[..., DataFlowKernel], slurm: Slurm, measure: Measure) -> None:
    kernel = load(init_blocks=1, min_blocks=0, max_blocks=4, strategy="htex_auto_scale", max_idletime=4)
    with Watch(slurm) as watch:
        few = [future.result(WAIT) for pair in range(5) for future in [where(1, 2 * pair), where(1, 2 * pair + 1)]]
        assert (len({job for _, job, _ in few}), watch.most()) == (1, 1)
        began = time.time()
        many = [where(1, number) for number in range(160)]
        slurm.until(lambda: len(slurm.running()) == 4, "four blocks")
        measure.since("160 tasks come, to four running jobs", began)
        done = [future.result(WAIT) for future in many]
        measure.since("160 tasks of 1 s", began)
        assert [number for number, _, _ in done] == list(range(160))
        assert len({job for _, job, _ in done}) == 4
        last = [where(1, number).result(WAIT) for number in range(30)]
        assert [number for number, _, _ in last] == list(range(30))
        assert len(slurm.running()) < 4, "while tasks still came, and one block was enough for them"
        idle = time.time()
        slurm.until(lambda: not slurm.live(), "the end of all blocks", seconds=60)
        measure.since("the last task to no job (max_idletime 4)", idle, 60)
        processes.until(lambda: watch.counts[-1] == (0, 0), WAIT)
    assert watch.most() == 4
    assert len(slurm.jobs()) == 4, "none was started that was not needed"
    summary = kernel.summary()
    assert (summary.states, summary.losses, summary.retries) == ({"exec_done": 200}, 0, {})
    assert _decisions(kernel), "each with its reason"


def _decisions(kernel: DataFlowKernel) -> list[Any]:
    kernel.recorder.flush(10)
    decisions = [record.fields for record in kernel.records.last("decision")]
    assert all(fields.get("reason") for fields in decisions)
    return decisions


def test_a_block_is_there_again_when_work_comes_again(load: Callable[..., DataFlowKernel], slurm: Slurm) -> None:
    load(init_blocks=0, min_blocks=0, max_blocks=1, max_idletime=1, strategy_period=1)
    threading.Event().wait(1)
    assert slurm.jobs() == [], "nothing is asked for before there is work"
    first = where(0, 1).result(WAIT)
    slurm.until(lambda: not slurm.live(), "the end of the idle block", seconds=60)
    second = where(0, 2).result(WAIT)
    assert first[1] != second[1]
