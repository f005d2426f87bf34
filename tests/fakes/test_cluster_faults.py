"""What can be provoked: each fault as a user's program meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes.cluster.faults import KINDS
from tests.fakes.cluster.simulated import SimulatedCluster, run
from tests.fakes.fixtures import *  # noqa: F403

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.fixtures import MakeCluster

WAIT = 30.0


@pytest.fixture
def slurm(make_cluster: MakeCluster) -> SimulatedCluster:
    return make_cluster("slurm")


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.sh"
    path.write_text("#!/bin/sh\n#SBATCH --output=/dev/null\nsleep 600\n")
    return str(path)


def sbatch(cluster: SimulatedCluster, script: str) -> tuple[int, str, str]:
    done = run(cluster, "sbatch", script)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("kind", "expected", "jobs"),
    [
        ("fail", (7, "", "no\n"), 0),
        ("away", (1, "", "sbatch: error: Batch job submission failed: Unable to contact slurm controller"), 0),
        ("lost", (1, "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n"), 1),
        ("dies", (-9, "", ""), 1),
        ("empty", (0, "", ""), 1),
        ("half", (0, "Submitted b", ""), 1),
        ("cut", (0, "Submitted batch job"[:-1], ""), 1),
        ("html", (0, "<!DOCTYPE html>", ""), 0),
        ("binary", (0, "\0\N{REPLACEMENT CHARACTER}", ""), 0),
        ("binary after", (0, "\0\N{REPLACEMENT CHARACTER}", ""), 1),
    ],
)
def test_faults(kind: str, expected: tuple[int, str, str], jobs: int, slurm: SimulatedCluster, script: str) -> None:
    slurm.fault("sbatch", kind, times=1, code=7, stderr="no\n")
    code, stdout, stderr = sbatch(slurm, script)
    assert code == expected[0]
    assert stdout.startswith(expected[1])
    assert bool(stdout) is bool(expected[1])
    assert stderr.startswith(expected[2])
    assert len(slurm.submissions()) == jobs
    assert [call["fault"] for call in slurm.calls("sbatch")] == [kind]
    assert sbatch(slurm, script) == (0, f"Submitted batch job {jobs + 1}\n", "")


@pytest.mark.parametrize(("kind", "jobs"), [("hang", 0), ("accepts and hangs", 1)])
def test_what_hangs_ignores_sigterm_and_its_group_can_be_killed(
    kind: str, jobs: int, slurm: SimulatedCluster, script: str
) -> None:
    slurm.fault("sbatch", kind)
    before = len(slurm.left())
    process = subprocess.Popen(
        ["sbatch", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    slurm.wait(lambda: len(slurm.left()) >= before + 2 + jobs, WAIT, "the command and its child")
    os.killpg(process.pid, signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.communicate() == (b"", None)
    assert len(slurm.submissions()) == jobs


def test_slow(slurm: SimulatedCluster, script: str) -> None:
    slurm.fault("sbatch", "slow", seconds=0.5)
    began = time.monotonic()
    assert sbatch(slurm, script)[1] == "Submitted batch job 1\n"
    assert time.monotonic() - began >= 0.5


def test_forget(slurm: SimulatedCluster, script: str) -> None:
    for _ in range(2):
        sbatch(slurm, script)
    slurm.wait(lambda: [job.phase for job in slurm.jobs()] == ["running"] * 2, WAIT)
    line = ("squeue", "-h", "-o", "%i")
    slurm.fault("squeue", "forget", times=1, jobs=[1])
    assert [run(slurm, *line).stdout for _ in range(2)] == ["2\n", "1\n2\n"]
    slurm.fault("squeue", "forget")
    assert run(slurm, *line, "-j", "1").returncode == 1
    slurm.mend()
    assert run(slurm, *line).stdout == "1\n2\n"


SUBMIT = {
    "slurm": ["sbatch", "--output=/dev/null"],
    "lsf": ["bsub", "-o", "/dev/null"],
    "cobalt": ["qsub", "-n", "1", "-t", "10", "-o", "/dev/null", "-e", "/dev/null"],
    "condor": ["condor_submit", "-append", "output = /dev/null"],
}
ASK = {"slurm": "squeue", "lsf": "bjobs", "condor": "condor_q"}


def test_a_restart_passes_and_jobs_go_on(cluster: SimulatedCluster, tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\nsleep 600\n")
    (tmp_path / "x.sub").write_text(f"executable = {script}\nqueue\n")
    submit = SUBMIT.get(cluster.flavour, ["qsub", "-o", "/dev/null", "-e", "/dev/null"])
    assert run(cluster, *submit, str(tmp_path / ("x.sub" if cluster.flavour == "condor" else "x.sh"))).returncode == 0
    cluster.wait(lambda: cluster.job(1).phase == "running", WAIT)
    cluster.restart(1.0)
    ask = ASK.get(cluster.flavour, "qstat")
    away = run(cluster, ask)
    assert (away.returncode != 0, away.stdout) == (True, "")
    assert "onne" in away.stderr  # connect, connection: each in its own words
    cluster.wait(lambda: run(cluster, ask).returncode == 0, WAIT, "the end of the restart")
    assert (cluster.job(1).phase, cluster.job(1).starts) == ("running", 1)


def test_requeue_and_reuse(slurm: SimulatedCluster, script: str) -> None:
    sbatch(slurm, script)
    slurm.wait(lambda: slurm.job(1).phase == "running", WAIT)
    slurm.requeue(1)
    slurm.wait(lambda: (slurm.job(1).phase, slurm.job(1).starts) == ("running", 2), WAIT)
    slurm.cancel(1)
    slurm.wait_until_empty(WAIT)
    slurm.use_number(1)
    assert sbatch(slurm, script)[1] == "Submitted batch job 1\n"
    assert slurm.submissions() == [1, 1]


def test_a_lost_node(slurm: SimulatedCluster, script: str) -> None:
    sbatch(slurm, script)
    slurm.wait(lambda: slurm.job(1).phase == "running", WAIT)
    slurm.lose_node("n1")
    slurm.wait(lambda: (slurm.job(1).phase, slurm.job(1).nodes) == ("running", ("n2",)), WAIT)


def test_there_is_no_fault_of_another_name(slurm: SimulatedCluster) -> None:
    slurm.fault("sbatch", "nonsense")
    assert run(slurm, "sbatch").returncode == 255
    assert "nonsense" not in KINDS
