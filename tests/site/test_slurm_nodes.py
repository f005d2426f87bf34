"""Nodes of a real Slurm that die under their blocks, and jobs that Slurm puts back into its queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults import processes
from tests.faults.apps import let_go, note, ran_in
from tests.site.apps import where

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import Measure
    from tests.site.slurm import Slurm

WAIT = 240


def begun(paths: list[Path], count: int) -> None:
    processes.until(lambda: sum(path.exists() for path in paths) >= count, WAIT, "tasks that run")


def test_a_node_is_lost_with_everything_on_it(
    load: Callable[..., DataFlowKernel], slurm: Slurm, tmp_path: Path, measure: Measure
) -> None:
    kernel = load(retries=0)
    paths = [tmp_path / str(number) for number in range(4)]
    futures = [note(str(path)) for path in paths]
    begun(paths, 2)
    lost = slurm.the_running_job()
    slurm.system("kill_node", lost.nodes)
    died = time.time()
    let_go(*paths)
    assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    over = time.time()
    measure.note("a node dies, to the results of its tasks", over - died, 60)
    assert kernel.summary().retries == {}
    assert kernel.summary().losses <= 2, "only what ran was lost"
    slurm.until(lambda: _ended(slurm, lost.id), "Slurm sees that the node is gone")
    assert [job.nodes for job in slurm.running()] != [lost.nodes]


def _ended(slurm: Slurm, job: str) -> bool:
    return all(other.id != job or other.state in ("NODE_FAIL", "FAILED", "CANCELLED") for other in slurm.jobs())


def test_a_daemon_is_lost_and_what_it_had_started_goes_on(
    load: Callable[..., DataFlowKernel], slurm: Slurm, measure: Measure
) -> None:
    kernel = load(retries=0, max_idletime=3)
    number, first, node = where(0, 0).result(WAIT)
    slurm.system("kill_daemon", node)
    killed = time.time()
    slurm.until(lambda: _is_down(slurm, node), "Slurm sees that the daemon is gone", seconds=120)
    measure.since("a daemon dies, to Slurm's knowing", killed)
    known = time.time()
    results = [future.result(WAIT) for future in [where(1, number) for number in range(20)]]
    measure.since("Slurm's knowing, to the results of 20 tasks of 1 s", known, 60)
    assert [number for number, _, _ in results] == list(range(20))
    assert (number, first) == (0, slurm.jobs()[0].id)
    assert kernel.summary().retries == {}


def _is_down(slurm: Slurm, node: str) -> bool:
    return slurm.ask("sinfo", "--noheader", f"--nodes={node}", "--partition=all", "--format=%T").startswith("down")


def test_a_job_that_is_requeued_is_not_lost(
    load: Callable[..., DataFlowKernel], slurm: Slurm, tmp_path: Path, measure: Measure
) -> None:
    kernel = load(retries=0, scheduler_options="#SBATCH --requeue")
    paths = [tmp_path / str(number) for number in range(4)]
    futures = [note(str(path)) for path in paths]
    begun(paths, 2)
    job = slurm.the_running_job()
    slurm.ask("scontrol", "requeue", job.id)
    requeued = time.time()
    slurm.until(lambda: [(other.id, other.state) for other in slurm.live()] == [(job.id, "PENDING")], "its waiting")
    # Not in two minutes, as Slurm would have it, nor within this second, in which the node was told that the job's
    # credentials are void: it would refuse to begin it.
    slurm.ask("scontrol", "update", f"JobId={job.id}", "StartTime=now+2")
    let_go(*paths)
    assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    measure.since("a job is requeued, to the results of its tasks", requeued)
    assert [other.id for other in slurm.jobs()] == [job.id], "the same job came back, and no other was needed"
    assert kernel.summary().retries == {}
