"""Somebody cancels a block; Slurm's controller freezes, dies and comes back; the program is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults import processes
from tests.faults.apps import let_go, note, ran_in
from tests.site import driver
from tests.site.apps import where
from tests.site.slurm import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import Measure
    from tests.site.slurm import Slurm

WAIT = 120


def test_a_block_is_cancelled_by_somebody_else(
    load: Callable[..., DataFlowKernel], slurm: Slurm, tmp_path: Path, measure: Measure
) -> None:
    kernel = load(retries=0)
    paths = [tmp_path / str(number) for number in range(4)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(path.exists() for path in paths) == 2, WAIT, "tasks that run")
    job = slurm.the_running_job()
    slurm.ask("scancel", job.id)
    slurm.until(lambda: job.id not in {other.id for other in slurm.live()}, "its end")
    cancelled = time.time()
    let_go(*paths)
    assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    measure.since("scancel, to the results of the block's tasks", cancelled, 60)
    assert kernel.summary().retries == {}
    assert kernel.summary().losses <= 2
    assert kernel.status()["blocks"]["htex"]["ended"] == {"CANCELLED": 1}
    assert not kernel.status()["blocks"]["htex"]["failed"]
    assert len(slurm.jobs()) == 2


def test_the_controller_freezes(load: Callable[..., DataFlowKernel], slurm: Slurm, measure: Measure) -> None:
    kernel = load(max_blocks=2, cmd_timeout=5, retries=0)
    _, first, _ = where(0, 0).result(WAIT)
    slurm.system("freeze")
    frozen = time.time()
    # More than one block would be asked to do: another is wanted, and nobody answers.
    results = [future.result(WAIT) for future in [where(1, number) for number in range(40)]]
    measure.since("40 tasks of 1 s on two workers, with a frozen slurmctld", frozen, 40)
    assert {job for _, job, _ in results} == {first}
    slurm.system("thaw")
    with Watch(slurm) as watch:
        thawed = time.time()
        more = [where(1, number) for number in range(60)]
        assert [future.result(WAIT)[0] for future in more] == list(range(60))
        measure.since("thawed, to the results of 60 more", thawed)
        assert watch.most() <= 3, "two blocks, and one that is not wanted until it is found"
        slurm.until(lambda: len(slurm.live()) <= 2, "the end of what nobody waits for", seconds=60)
    summary = kernel.summary()
    assert (summary.states, summary.retries) == ({"exec_done": 101}, {})
    assert summary.losses <= 2, "what ran in the one that is not wanted, if it was quicker than its end"
    assert not kernel.status()["blocks"]["htex"]["failed"]
    assert len(slurm.jobs()) <= 4


def have_saved(slurm: Slurm, job: str) -> None:
    """Have Slurm write its jobs to its file: when it dies it forgets what is not there."""
    saved, before = slurm.system.folder / "spool" / "controller" / "job_state", time.time()
    slurm.ask("scontrol", "update", f"JobId={job}", "Comment=saved")
    slurm.until(lambda: saved.exists() and saved.stat().st_mtime > before, "Slurm's saving its jobs", seconds=30)


def test_the_controller_dies_and_comes_back(
    load: Callable[..., DataFlowKernel], slurm: Slurm, measure: Measure
) -> None:
    kernel = load(cmd_timeout=5, retries=0)
    _, first, _ = where(0, 0).result(WAIT)
    have_saved(slurm, first)
    slurm.system("kill_controller")
    died = time.time()
    results = [future.result(WAIT) for future in [where(1, number) for number in range(20)]]
    slurm.mend()
    results += [future.result(WAIT) for future in [where(0.1, number) for number in range(20, 60)]]
    measure.since("slurmctld dies, to the results of 60 tasks after its restart", died)
    assert [number for number, _, _ in results] == list(range(60))
    assert {job for _, job, _ in results} == {first}
    assert [job.id for job in slurm.jobs()] == [first]
    assert kernel.summary().losses == 0
    assert kernel.status()["blocks"]["htex"]["ended"] == {}


def test_the_controller_forgets_its_jobs(
    load: Callable[..., DataFlowKernel], slurm: Slurm, tmp_path: Path, measure: Measure
) -> None:
    kernel = load(retries=0)
    paths = [tmp_path / str(number) for number in range(4)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(path.exists() for path in paths) == 2, WAIT, "tasks that run")
    (lost,) = processes.of("manager")
    slurm.system("forget_jobs")
    assert processes.wait_for_end([lost], WAIT) == []  # by Slurm, when the node tells of a job that nobody knows
    ended = time.time()
    let_go(*paths)
    assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    measure.since("Slurm forgets and ends a job, to the results of its tasks", ended, 60)
    assert kernel.summary().retries == {}
    assert kernel.summary().losses <= 2
    assert kernel.status()["blocks"]["htex"]["ended"] == {"MISSING": 1}


@pytest.fixture
def program(slurm: Slurm, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    del slurm  # has to be there
    words = [sys.executable, driver.__file__, str(tmp_path / "runinfo")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process
        process.kill()


def test_the_program_is_killed_with_a_block_that_runs_and_one_that_waits(
    program: subprocess.Popen[str], slurm: Slurm, measure: Measure
) -> None:
    assert program.stdout is not None
    first = program.stdout.readline().strip()
    slurm.until(lambda: [job.state for job in slurm.live()] == ["RUNNING", "PENDING"], "one that runs, one that waits")
    running, waiting = slurm.live()
    assert running.id == first
    program.kill()
    killed = time.time()
    slurm.until(lambda: running.id not in {job.id for job in slurm.live()}, "the end of the first", seconds=120)
    measure.since("SIGKILL of the program, to the end of the block that ran", killed, 60)
    slurm.until(lambda: not slurm.live(), "the end of both", seconds=180)
    measure.since("SIGKILL of the program, to the end of the block that had waited", killed, 120)
    assert {job.state for job in slurm.jobs() if job.id == waiting.id} <= {"COMPLETED", "FAILED"}
