"""Work on a real Grid Engine: in several blocks, and in blocks that come and go with it."""

from __future__ import annotations

import shutil
import sysconfig
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import parsl_like
from examples import source_census
from parsl_like.launchers import SimpleLauncher
from tests.site.grid_engine import ROOT, on_grid_engine
from tests.site.grid_engine_apps import surroundings, where

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import Measure
    from tests.site.grid_engine import GridEngine

pytest_plugins = ("tests.site.grid_engine_fixtures",)
pytestmark = pytest.mark.xdist_group("grid_engine_runs")

WAIT = 120
PACKAGES = ("email", "html", "json", "urllib")


def test_census_over_two_blocks(
    grid_engine: GridEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: Measure
) -> None:
    root = tmp_path / "sources"
    for name in PACKAGES:
        source = Path(sysconfig.get_path("stdlib"), name)
        shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    kernels: list[DataFlowKernel] = []
    load = parsl_like.load

    def load_and_wait(config: parsl_like.Config) -> DataFlowKernel:
        kernels.append(load(config))
        htex = kernels[0].config.executors[0]
        grid_engine.until(lambda: len(htex.connected_managers()) == 2, "both blocks")
        return kernels[0]

    monkeypatch.setattr(parsl_like, "load", load_and_wait)
    config = on_grid_engine(tmp_path / "runinfo", init_blocks=2, min_blocks=2, max_blocks=2, max_workers_per_node=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the sources
        began = time.time()
        census = source_census.run_with_engine(root, tmp_path / "there", config)
        measure.since("census in 2 blocks, with their start", began)
        assert census == source_census.run_plain(root, tmp_path / "plain")
    (kernel,) = kernels
    assert set(kernel.summary().states) == {"exec_done"}
    assert (kernel.summary().losses, kernel.summary().retries) == (0, {})
    places = Counter(record.fields["place"] for record in kernel.records.last("state") if "place" in record.fields)
    assert len(places) == 2, "the worker of each block had a part in it"


def test_blocks_come_and_go_with_the_work(
    start: Callable[..., DataFlowKernel], grid_engine: GridEngine, measure: Measure
) -> None:
    kernel = start(
        init_blocks=1, min_blocks=0, max_blocks=4, max_workers_per_node=4, strategy="htex_auto_scale", max_idletime=3
    )
    few = [where(1, number).result(WAIT) for number in range(4)]
    assert len({job for _, job in few}) == 1 == len(grid_engine.jobs()), "one block is enough for one task at a time"
    began = time.time()
    many = [where(1, number) for number in range(188)]
    grid_engine.until(lambda: len(grid_engine.running()) == 4, "four blocks")
    measure.since("188 tasks come, to four running jobs", began)
    done = [future.result(WAIT) for future in many]
    measure.since("188 tasks of 1 s", began)
    assert [number for number, _ in done] == list(range(188))
    assert len({job for _, job in done}) == 4
    last = [where(1, number).result(WAIT) for number in range(8)]
    assert [number for number, _ in last] == list(range(8))
    idle = time.time()
    grid_engine.until(lambda: not grid_engine.jobs(), "the end of all blocks")
    measure.since("the last task to no job (max_idletime 3)", idle, 60)
    summary = kernel.summary()
    assert (summary.states, summary.losses, summary.retries) == ({"exec_done": 200}, 0, {})
    kernel.recorder.flush(10)
    assert all(record.fields["reason"] for record in kernel.records.last("decision"))
    assert len({record.subject for record in kernel.records.last("block")}) == 4, "none that was not needed"


def test_a_block_gets_what_it_asks_for(grid_engine: GridEngine, tmp_path: Path) -> None:
    folder = tmp_path / "a folder, of 'mine': $HOME"
    config = on_grid_engine(
        folder,
        scheduler_options="#$ -pe block 3\n#$ -ac purpose=test",
        worker_init="export GREETING='a b'; echo ready",
        launcher=SimpleLauncher(),
        walltime="0-00:05:00",
        cores_per_node=2,
        mem_per_node=1.5,
    )
    with parsl_like.load(config) as kernel:
        found = surroundings().result(WAIT)
        (job,) = grid_engine.jobs()
        told = grid_engine.ask("qstat", "-j", job.id)
        assert "purpose=test" in told
        assert "h_rt=300" in told
        (executor,) = kernel.status()["blocks"].values()
        assert [block["job"] for block in executor["blocks"].values()] == [job.id]
    wanted = {"QUEUE": "main.q", "NSLOTS": "3", "GREETING": "a b", "PARSL_CORES": "2", "PARSL_MEMORY_GB": "1.5"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["PYTHONPATH"] == str(ROOT)
    assert found["SGE_STDERR_PATH"] == "/dev/null", "no path that Grid Engine would take for another one"
    (output,) = Path(kernel.run_dir, "submit_scripts").glob("*.out")
    assert output.read_text() == "ready\n"


def test_a_block_is_there_again_when_work_comes_again(
    start: Callable[..., DataFlowKernel], grid_engine: GridEngine
) -> None:
    start(init_blocks=0, min_blocks=0, max_idletime=1, strategy_period=1)
    threading.Event().wait(1)
    assert grid_engine.jobs() == [], "nothing is asked for before there is work"
    first = where(0, 1).result(WAIT)
    grid_engine.until(lambda: not grid_engine.jobs(), "the end of the idle block")
    assert where(0, 2).result(WAIT)[1] != first[1]
