"""The commands of the simulated cluster: jobs are real, and what is printed is what the real ones print."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.fakes.cluster.simulated import SimulatedCluster, run
from tests.fakes.fixtures import *  # noqa: F403
from tests.fakes.fixtures import FLAVOURS

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster

WAIT = 30.0
SUBMIT = {
    "slurm": ["sbatch", "--parsable", "--output=out", "--error=err"],
    "pbspro": ["qsub", "-o", "out", "-e", "err"],
    "torque": ["qsub", "-o", "out", "-e", "err"],
    "grid_engine": ["qsub", "-terse", "-cwd", "-o", "out", "-e", "err"],
    "lsf": ["bsub", "-o", "out", "-e", "err"],
    "cobalt": ["qsub", "-n", "1", "-t", "10", "-o", "out", "-e", "err"],
    "condor": ["condor_submit", "-terse"],
}
CANCEL = {
    **{"slurm": "scancel", "pbspro": "qdel", "torque": "qdel", "grid_engine": "qdel"},
    **{"lsf": "bkill", "cobalt": "qdel", "condor": "condor_rm"},
}
HOLD = {"slurm": ["--hold"], "lsf": ["-H"], "condor": ["-append", "hold = True"]}
RELEASE = {"slurm": ["scontrol", "release"], "lsf": ["bresume"], "condor": ["condor_release"]}
WALLTIME: dict[str, tuple[str, list[str]]] = {
    "slurm": ("#SBATCH --time=00:00:01", []),
    "pbspro": ("#PBS -l walltime=00:00:01", []),
    "torque": ("#PBS -l nodes=1:ppn=1,walltime=00:00:01", []),
    "grid_engine": ("#$ -l h_rt=1", []),
    "lsf": ("", ["-W", "0:01"]),
    "cobalt": ("", ["-t", "00:00:01"]),
    "condor": ("", ["-append", "periodic_remove = time() - JobCurrentStartDate > 1"]),
}
"""What a script says, and what its submission does."""
VARIABLES = {
    "slurm": "$SLURM_JOB_ID $SLURM_JOB_NODELIST $SLURM_SUBMIT_DIR",
    "pbspro": "$PBS_JOBID $(cat $PBS_NODEFILE) $PBS_O_WORKDIR",
    "torque": "$PBS_JOBID $(cat $PBS_NODEFILE) $PBS_O_WORKDIR",
    "grid_engine": "$JOB_ID ${NSLOTS}n1 $SGE_O_WORKDIR",
    "lsf": "$LSB_JOBID $LSB_HOSTS $LS_SUBCWD",
    "cobalt": "$COBALT_JOBID $(cat $COBALT_NODEFILE) $PWD",
    "condor": "${_CONDOR_SLOT%%_*} n1 $_CONDOR_JOB_IWD",
}
NOISE = {"cobalt": 'Job routed to queue "main"\n'}
"""What a submission says beside the job's id."""


def submit(cluster: SimulatedCluster, text: str, folder: Path, *options: str) -> str:
    script = folder / "script.sh"
    script.write_text(f"#!/bin/bash\n{text}\n")
    last = str(script)
    if cluster.flavour == "condor":
        last = str(folder / "script.sub")
        Path(last).write_text(f"executable = {script}\noutput = out\nerror = err\nqueue\n")
    done = run(cluster, *SUBMIT[cluster.flavour], *options, last, folder=folder)
    assert (done.returncode, done.stderr) == (0, NOISE.get(cluster.flavour, ""))
    text = done.stdout.strip()
    found = re.fullmatch(r"Job <(\d+)> is submitted .*", text) or re.fullmatch(r"(\d+)\.0 - \1\.0", text)
    return found[1] if found else text


def said(cluster: SimulatedCluster, *words: str, code: int = 0) -> str:
    done = run(cluster, *words)
    assert (done.returncode, done.stderr) == (code, ""), done
    return done.stdout


def refused(cluster: SimulatedCluster, *words: str) -> tuple[int, str]:
    done = run(cluster, *words)
    return done.returncode, done.stderr


# --- every flavour


def test_a_job_runs_and_finds_itself(cluster: SimulatedCluster, tmp_path: Path) -> None:
    job = submit(cluster, f'echo "{VARIABLES[cluster.flavour]}"; echo oh >&2; exit 3', tmp_path)
    cluster.wait_until_empty(WAIT)
    first = "1n1" if cluster.flavour == "grid_engine" else "n1"
    job = "slot1" if cluster.flavour == "condor" else job  # a job is not told its number
    assert (tmp_path / "out").read_text() == f"{job} {first} {tmp_path}\n"
    assert (tmp_path / "err").read_text() == "oh\n"
    (seen,) = cluster.jobs()
    assert (seen.number, seen.fate, seen.exit_code, seen.stragglers) == (1, "exit", 3, 0)
    assert cluster.submissions() == [1]


def test_a_job_waits_for_room(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("pbspro", nodes=1, slots=1)
    submit(cluster, "until [ -e go ]; do sleep 0.01; done", tmp_path, "-v", "x=1")
    (tmp_path / "two").mkdir()
    submit(cluster, "true", tmp_path / "two")
    cluster.wait(lambda: [job.phase for job in cluster.jobs()] == ["running", "pending"], WAIT)
    cluster.cancel(1)
    cluster.wait_until_empty(WAIT)
    assert [job.fate for job in cluster.jobs()] == ["cancelled", "exit"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_walltime(flavour: str, make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(flavour, minute=1.0)
    text, options = WALLTIME[flavour]
    submit(cluster, f"{text}\nsleep 600", tmp_path, *options)
    cluster.wait_until_empty(WAIT)
    assert [job.fate for job in cluster.jobs()] == ["timeout"]


def test_cancel_of_a_job_that_is_deaf(cluster: SimulatedCluster, tmp_path: Path) -> None:
    job = submit(cluster, "trap '' TERM; touch ran; while :; do sleep 600; done", tmp_path)
    cluster.wait(lambda: cluster.job(1).phase == "running", WAIT)
    run(cluster, CANCEL[cluster.flavour], job)
    cluster.wait_until_empty(WAIT)
    assert [job.fate for job in cluster.jobs()] == ["cancelled"]


def test_what_outlives_its_script_is_killed_and_counted(cluster: SimulatedCluster, tmp_path: Path) -> None:
    submit(cluster, "setsid sleep 600 & sleep 0.2", tmp_path)
    cluster.wait_until_empty(WAIT)
    assert [job.stragglers for job in cluster.jobs()] == [1]


def test_a_held_job_waits(cluster: SimulatedCluster, tmp_path: Path) -> None:
    job = submit(cluster, "true", tmp_path, *HOLD.get(cluster.flavour, ["-h"]))
    assert cluster.job(1).phase == "held"
    run(cluster, *RELEASE.get(cluster.flavour, ["qrls"]), job)
    cluster.wait_until_empty(WAIT)


def test_many_at_once(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("slurm", nodes=8)
    (tmp_path / "script.sh").write_text("#!/bin/sh\ntrue\n")
    with ThreadPoolExecutor(8) as pool:
        words = ("sbatch", "--parsable", "--output=/dev/null", str(tmp_path / "script.sh"))
        ids = sorted(int(done.stdout) for done in pool.map(lambda _: run(cluster, *words), range(24)))
    assert ids == list(range(1, 25)) == sorted(cluster.submissions())
    cluster.wait_until_empty(WAIT)


def test_its_end_takes_everything_along(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("slurm")
    submit(cluster, "trap '' TERM; setsid sleep 600 & sleep 600", tmp_path)
    cluster.wait(lambda: len(cluster.left()) >= 3, WAIT)
    assert cluster.close() == []
    done = run(cluster, "squeue")
    assert (done.returncode, done.stdout) == (255, "")


# --- Slurm


@pytest.fixture
def slurm(make_cluster: MakeCluster) -> SimulatedCluster:
    return make_cluster("slurm", queues={"main": {}, "off": {"up": False}, "short": {"longest": 60}}, nodes=2)


def test_slurm_states(slurm: SimulatedCluster, tmp_path: Path) -> None:
    line = ("squeue", "--noheader", "--states=all", "--format=%i|%t|%T|%r|%N")
    for text, options in (
        ("exit 4", ()),
        ("true", ()),
        ("kill -9 $$", ()),
        ("true", ("--partition=off",)),
        ("true", ("--partition=short", "--time=00:02:00")),
        ("true", ("--nodes=3",)),
        ("true", ("--hold",)),
    ):
        submit(slurm, text, tmp_path, *options)
    slurm.wait(lambda: len(slurm.live()) == 4, WAIT)
    assert sorted(said(slurm, *line).splitlines()) == [
        "1|F|FAILED|NonZeroExitCode|n1",
        "2|CD|COMPLETED|None|n1",
        "3|F|FAILED|JobLaunchFailure|n1",
        "4|PD|PENDING|PartitionDown|",
        "5|PD|PENDING|PartitionTimeLimit|",
        "6|PD|PENDING|PartitionConfig|",
        "7|PD|PENDING|JobHeldUser|",
    ]
    assert said(slurm, "squeue", "-h", "-o", "%i") == "4\n5\n6\n7\n"
    assert said(slurm, "scancel", "4", "5", "6", "7", "99") == ""
    sacct = ("sacct", "-X", "-n", "-P", "-o", "JobID,State,ExitCode", "-j", "1,3,7,99")
    assert said(slurm, *sacct) == f"1|FAILED|4:0\n3|FAILED|0:9\n7|CANCELLED by {_uid()}|0:0\n"
    assert "CANCELLED+" in said(slurm, "sacct", "-X", "-n", "-j", "7")


def _uid() -> str:
    return subprocess.run(["id", "-u"], capture_output=True, text=True, check=True).stdout.strip()


def test_slurm_unknown_jobs(slurm: SimulatedCluster) -> None:
    assert refused(slurm, "squeue", "-j", "999") == (1, "slurm_load_jobs error: Invalid job id specified\n")
    assert said(slurm, "squeue", "-h", "-j", "999,998") == ""
    assert said(slurm, "scancel", "999") == ""
    words = "scancel: Terminating job 999\nscancel: error: Kill job error on job id 999: Invalid job id specified\n"
    assert refused(slurm, "scancel", "--verbose", "999") == (0, words)
    assert refused(slurm, "scontrol", "show", "job", "999")[0] == 1


def test_slurm_refusals(slurm: SimulatedCluster, tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    assert refused(slurm, "sbatch", "-p", "nope", str(script)) == (
        1,
        "sbatch: error: invalid partition specified: nope\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
    )
    assert refused(slurm, "sbatch", "--time=soon", str(script))[0] == 255
    assert refused(slurm, "sbatch", "nope.sh") == (1, "sbatch: error: Unable to open file nope.sh\n")
    code, words = refused(slurm, "sbatch", "--test-only", str(script))
    assert code == 0
    assert re.fullmatch(r"sbatch: Job 1 to start at \S+ using 1 processors on nodes n1 in partition main\n", words)
    assert slurm.submissions() == []


def test_slurm_output_that_cannot_be_opened(slurm: SimulatedCluster, tmp_path: Path) -> None:
    submit(slurm, "true", tmp_path, "--output=/nowhere/out")
    slurm.wait_until_empty(WAIT)
    assert said(slurm, "sacct", "-XnP", "-o", "State,ExitCode") == "FAILED|0:53\n"


def test_slurm_without_accounting(make_cluster: MakeCluster) -> None:
    cluster = make_cluster("slurm", accounting=False)
    assert refused(cluster, "sacct", "-X") == (1, "Slurm accounting storage is disabled\n")


def test_slurm_details(slurm: SimulatedCluster, tmp_path: Path) -> None:
    job = submit(slurm, "true", tmp_path, "--hold", "-J", "name")
    text = said(slurm, "scontrol", "show", "job", job)
    assert text.startswith(f"JobId={job} JobName=name\n   UserId=")
    assert "\n   JobState=PENDING Reason=JobHeldUser Dependency=(null)\n" in text
    assert said(slurm, "scontrol", "-o", "show", "job", job).count("\n") == 1
    assert said(slurm, "squeue", "-h", "-O", "JobID:6,State:10") == "1     PENDING   \n"
    assert said(slurm, "sinfo").startswith("PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST\nmain*")


# --- PBS


@pytest.mark.parametrize("flavour", ["pbspro", "torque"])
def test_pbs_states(flavour: str, make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(flavour, queues={"main": {}, "off": {"up": False}})
    for text, options in (
        ("exit 4", ()),
        ("kill -9 $$", ()),
        ("sleep 600", ()),
        ("true", ("-q", "off")),
        ("true", ("-h",)),
    ):
        submit(cluster, text, tmp_path, *options)
    cluster.wait(lambda: sorted(job.phase for job in cluster.live()) == ["held", "pending", "running"], WAIT)
    history = ["-x"] if flavour == "pbspro" else []
    lines = said(cluster, "qstat", *history).splitlines()[2:]
    over = "F" if flavour == "pbspro" else "C"
    assert [(line.split()[0], line.split()[-2]) for line in lines] == [
        ("1.fake", over),
        ("2.fake", over),
        ("3.fake", "R"),
        ("4.fake", "Q"),
        ("5.fake", "H"),
    ]
    full = said(cluster, "qstat", *history, "-f", "2.fake")
    assert re.search(r"^    [Ee]xit_status = 265$", full, re.MULTILINE)
    assert said(cluster, "qselect", "-N", "script.sh").split()[-3:] == ["3.fake", "4.fake", "5.fake"]
    assert said(cluster, "qdel", "3", "4.fake", "5.fake") == ""
    cluster.wait_until_empty(WAIT)


def test_pbspro_errors(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("pbspro")
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    assert refused(cluster, "qstat", "9999") == (153, "qstat: Unknown Job Id 9999.fake\n")
    assert refused(cluster, "qdel", "9999") == (153, "qdel: Unknown Job Id 9999.fake\n")
    assert refused(cluster, "qsub", "-q", "nope", str(script)) == (170, "qsub: Unknown queue\n")
    assert refused(cluster, "qsub", "-l", "nope=1", str(script))[0] == 187
    assert refused(cluster, "qsub", "-l", "walltime=soon", str(script))[0] == 166
    assert refused(cluster, "qsub", "nope.sh")[0] == 1
    submit(cluster, "true", tmp_path)
    cluster.wait_until_empty(WAIT)
    words = "qstat: 1.fake Job has finished, use -x or -H to obtain historical job information\n"
    assert refused(cluster, "qstat", "1") == (35, words)
    assert refused(cluster, "qdel", "1") == (35, "qdel: Job has finished 1.fake\n")
    done = run(cluster, "qstat", "-x", "1", "77")
    assert (done.returncode, done.stderr) == (153, "qstat: Unknown Job Id 77.fake\n")
    assert "1.fake" in done.stdout


def test_pbspro_long_lines_and_json(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("pbspro")
    submit(cluster, "sleep 600", tmp_path, "-N", "short")
    cluster.wait(lambda: cluster.job(1).phase == "running", WAIT)
    folded, unfolded = said(cluster, "qstat", "-f", "1"), said(cluster, "qstat", "-f", "-w", "1")
    assert max(map(len, folded.splitlines())) <= 79
    assert "\n\t" in folded
    assert folded.replace("\n\t", "") == unfolded
    described = json.loads(said(cluster, "qstat", "-x", "-f", "-F", "json", "1"))
    assert described["pbs_server"] == "fake"
    job = described["Jobs"]["1.fake"]
    assert (job["Job_Name"], job["job_state"], job["substate"]) == ("short", "R", 42)
    assert job["Variable_List"]["PBS_O_WORKDIR"] == str(tmp_path)


def test_torque_errors_and_xml(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("torque")
    assert refused(cluster, "qstat", "9999") == (153, "qstat: Unknown Job Id Error 9999.fake\n")
    submit(cluster, "exit 3", tmp_path)
    cluster.wait_until_empty(WAIT)
    root = ElementTree.fromstring(said(cluster, "qstat", "-x"))
    assert [job.findtext("job_state") for job in root] == ["C"]
    assert [job.findtext("exit_status") for job in root] == ["3"]
    assert refused(cluster, "qdel", "1")[0] == 170


# --- Grid Engine


def test_grid_engine_states(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("grid_engine", queues={"main": {}, "off": {"up": False}})
    for text, options in (
        ("sleep 600", ("-N", "plain_with_a_long_name")),
        ("true", ("-q", "off")),
        ("true", ("-h",)),
        ("true", ("-o", "/nowhere/out")),
    ):
        submit(cluster, text, tmp_path, *options)
    cluster.wait(lambda: sorted(j.phase for j in cluster.live()) == ["broken", "held", "pending", "running"], WAIT)
    root = ElementTree.fromstring(said(cluster, "qstat", "-xml"))
    states = {job.findtext("JB_job_number"): job.findtext("state") for job in root.iter("job_list")}
    assert states == {"1": "r", "2": "qw", "3": "hqw", "4": "Eqw"}
    lines = said(cluster, "qstat").splitlines()
    assert lines[2].split()[:5] == ["1", "0.55500", "plain_with", cluster_owner(root), "r"]
    assert lines[2].split()[7] == "main@n1"
    assert said(cluster, "qstat", "-j", "plain_with_a_long_name").splitlines()[1].split() == ["job_number:", "1"]
    assert "/nowhere/out" in said(cluster, "qstat", "-j", "4")
    assert "no suitable queues" in said(cluster, "qalter", "-w", "v", "2")
    assert said(cluster, "qdel", "2") == f"{cluster_owner(root)} has deleted job 2\n"
    assert said(cluster, "qdel", "1") == f"{cluster_owner(root)} has registered the job 1 for deletion\n"
    said(cluster, "qdel", "3,4")
    cluster.wait_until_empty(WAIT)
    assert said(cluster, "qstat") == ""


def cluster_owner(root: ElementTree.Element) -> str:
    return root.findtext(".//JB_owner") or ""


def test_grid_engine_errors_and_accounting(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("grid_engine", accounting_delay=0.0)
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    done = run(cluster, "qdel", "9999")
    assert (done.returncode, done.stdout) == (1, 'denied: job "9999" does not exist\n')
    assert refused(cluster, "qstat", "-j", "9999")[0] == 1
    code, words = refused(cluster, "qsub", "-q", "nope", str(script))
    assert (code, 'unknown queue "nope"' in words) == (1, True)
    assert refused(cluster, "qsub", "-pe", "nope", "2", str(script))[0] == 1
    assert refused(cluster, "qsub", "nope.sh")[0] == 14
    assert refused(cluster, "qacct", "-j", "13") == (1, "error: job id 13 not found\n")
    submit(cluster, "exit 3", tmp_path, "-pe", "mpi", "2")
    cluster.wait_until_empty(WAIT)
    record = said(cluster, "qacct", "-j", "1")
    assert re.search(r"^exit_status +3 *$", record, re.MULTILINE)
    assert re.search(r"^granted_pe +mpi *$", record, re.MULTILINE)


# --- LSF


def test_lsf_states(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("lsf", nodes=2, queues={"main": {}, "off": {"up": False}, "short": {"longest": 60}})
    for text, options in (
        ("exit 4", ()),
        ("true", ()),
        ("kill -9 $$", ()),
        ("sleep 600", ()),
        ("true", ("-q", "off")),
        ("true", ("-nnodes", "3")),
        ("true", ("-H",)),
    ):
        submit(cluster, text, tmp_path, *options)
    cluster.wait(lambda: sorted(job.phase for job in cluster.live()) == ["held", "pending", "pending", "running"], WAIT)
    wanted = "jobid stat exit_code exit_reason pend_reason delimiter='^'"
    assert said(cluster, "bjobs", "-a", "-noheader", "-o", wanted).splitlines() == [
        "1^EXIT^4^-^-",
        "2^DONE^-^-^-",
        "3^EXIT^137^-^-",
        "4^RUN^-^-^-",
        "5^PEND^-^-^The queue is inactivated by the administrator;",
        "6^PEND^-^-^Not enough hosts to meet the job's spanning requirement;",
        "7^PSUSP^-^-^Job was suspended by the user while pending;",
    ]
    assert said(cluster, "bkill", "4", "5", "6", "7").startswith("Job <4> is being terminated\nJob <5>")
    cluster.wait_until_empty(WAIT)
    assert (
        said(cluster, "bjobs", "-noheader", "-o", "stat exit_reason", "5") == "EXIT TERM_OWNER: job killed by owner\n"
    )
    assert refused(cluster, "bkill", "4") == (255, "Job <4>: Job has already finished\n")


def test_lsf_errors(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("lsf", queues={"main": {}, "short": {"longest": 60}})
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    assert refused(cluster, "bsub", "-q", "nope", str(script)) == (255, "nope: No such queue. Job not submitted.\n")
    assert "hard limit" in refused(cluster, "bsub", "-q", "short", "-W", "2", str(script))[1]
    assert refused(cluster, "bsub", "nope.sh")[0] == 255
    assert refused(cluster, "bjobs", "99") == (255, "Job <99> is not found\n")
    assert refused(cluster, "bjobs") == (0, "No unfinished job found\n")
    assert refused(cluster, "bkill", "99") == (255, "Job <99>: No matching job found\n")


def test_lsf_reads_options_from_its_input_only(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("lsf", queues={"main": {}, "other": {}})
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\n#BSUB -q other -J inside\ntrue\n")
    assert "default queue <main>" in said(cluster, "bsub", str(script))
    assert "queue <other>" in said(cluster, "sh", "-c", f"bsub -J outside < {script}")
    cluster.wait_until_empty(WAIT)
    assert [job.facts["wanted_name"] for job in cluster.jobs()] == ["true", "outside"]


# --- Cobalt


def test_cobalt_states(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("cobalt", queues={"main": {}, "off": {"up": False}})
    for text, options in (
        ("sleep 600", ("--jobname", "first")),
        ("true", ("-h",)),
    ):
        submit(cluster, text, tmp_path, *options)
    cluster.wait(lambda: [job.phase for job in cluster.jobs()] == ["running", "held"], WAIT)
    listed = said(cluster, "qstat", "-l", "--header=JobID:JobName:State", "1", "2", "99")
    assert listed == (
        "JobID: 1\n    JobName : first\n    State   : running\n\n"
        "JobID: 2\n    JobName : N/A\n    State   : user_hold\n\n"
    )
    assert said(cluster, "qstat").splitlines()[2].split()[4] == "running"
    assert re.search(r"^    State +: stopped$", said(cluster, "qstat", "-Q", "-l", "off"), re.MULTILINE)
    assert refused(cluster, "qstat", "99") == (1, "")
    assert said(cluster, "qdel", "1", "2").splitlines()[0] == "      Deleted Jobs"
    assert said(cluster, "qdel", "99") == "qdel: Job 99 not found\n"
    cluster.wait_until_empty(WAIT)
    assert refused(cluster, "qstat", "1") == (1, "")


def test_cobalt_errors(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("cobalt", queues={"main": {}, "short": {"longest": 60}})
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    usual = ("qsub", "-n", "1", "-t", "10")
    assert refused(cluster, *usual, "-q", "nope", str(script)) == (1, "Queue 'nope' does not exist\n")
    assert "max walltime of 00:01:00" in refused(cluster, *usual, "-q", "short", str(script))[1]
    assert "No required options" in refused(cluster, "qsub", str(script))[1]
    assert refused(cluster, *usual, "nope.sh")[0] == 1
    assert refused(cluster, "qstat", "name") == (1, "name is not a valid jobid or queue name\n")


# --- HTCondor


def test_condor_states(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("condor")
    submit(cluster, "sleep 600", tmp_path, "-batch-name", "first")
    submit(cluster, "true", tmp_path, "-append", "hold = True")
    (tmp_path / "third").mkdir()
    submit(cluster, "exit 3", tmp_path / "third")
    cluster.wait(lambda: sorted(job.phase for job in cluster.live()) == ["held", "running"], WAIT)
    wanted = ("-json", "-attributes", "ClusterId,JobStatus,HoldReasonCode")
    cluster.wait(lambda: "ExitCode" in said(cluster, "condor_history", "-json", "3"), WAIT, "its place in the history")
    assert json.loads(said(cluster, "condor_q", *wanted)) == [
        {"ClusterId": 1, "JobStatus": 2},
        {"ClusterId": 2, "JobStatus": 5, "HoldReasonCode": 15},
    ]
    assert said(cluster, "condor_q", "-constraint", 'JobBatchName == "first"', "-autoformat", "ClusterId") == "1\n"
    assert said(cluster, "condor_rm", "1") == "All jobs in cluster 1 have been marked for removal\n"
    assert refused(cluster, "condor_rm", "9") == (1, "\nCouldn't find/remove all jobs in cluster 9\n")
    both = "jobs matching constraint (ClusterId == 8 || ClusterId == 9)"
    assert refused(cluster, "condor_rm", "8", "9") == (1, f"\nCouldn't find/remove all {both}\n")
    assert said(cluster, "condor_rm", "2") == "All jobs in cluster 2 have been marked for removal\n"
    cluster.wait_until_empty(WAIT)
    assert said(cluster, "condor_q", *wanted) == ""
    (past,) = json.loads(said(cluster, "condor_history", "-json", "3"))
    assert (past["JobStatus"], past["ExitBySignal"], past["ExitCode"]) == (4, False, 3)
    (past,) = json.loads(said(cluster, "condor_history", "-json", "2"))
    assert (past["JobStatus"], "condor_rm" in past["RemoveReason"]) == (3, True)


def test_condor_errors(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("condor")
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    description = tmp_path / "x.sub"
    description.write_text(f"executable = {script}\nrequirements = nope (\nqueue\n")
    assert refused(cluster, "condor_submit", str(description))[0] == 1
    description.write_text(f"executable = {script}\n")
    assert "queue" in refused(cluster, "condor_submit", str(description))[1]
    piped = f"printf 'executable = {script}\\nqueue\\n' | condor_submit -terse -batch-name b -"
    assert said(cluster, "sh", "-c", piped) == "1.0 - 1.0\n"
    cluster.wait_until_empty(WAIT)
