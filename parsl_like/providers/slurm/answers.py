"""What the commands of Slurm print, as pure functions over text.

Sources: https://slurm.schedmd.com/squeue.html (job state codes, job reason codes), https://slurm.schedmd.com/sacct.html,
https://slurm.schedmd.com/scancel.html, https://slurm.schedmd.com/sbatch.html; the texts of errors as Slurm 22.05
printed them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsl_like.core.job_states import JobReport, JobState
from parsl_like.providers.dialect import Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from parsl_like.core.ports import CommandResult

STATES: Final[Mapping[str, JobState]] = {
    "BOOT_FAIL": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
    "COMPLETED": JobState.COMPLETED,
    "COMPLETING": JobState.RUNNING,
    "CONFIGURING": JobState.PENDING,
    "DEADLINE": JobState.TIMEOUT,
    "EXPEDITING": JobState.PENDING,
    "FAILED": JobState.FAILED,
    "LAUNCH_FAILED": JobState.FAILED,
    "NODE_FAIL": JobState.FAILED,
    "OUT_OF_MEMORY": JobState.FAILED,
    "PENDING": JobState.PENDING,
    "POWER_UP_NODE": JobState.PENDING,
    "PREEMPTED": JobState.CANCELLED,
    "RECONFIG_FAIL": JobState.FAILED,
    "REQUEUED": JobState.PENDING,
    "REQUEUE_FED": JobState.PENDING,
    "REQUEUE_HOLD": JobState.HELD,
    "RESIZING": JobState.RUNNING,
    "RESV_DEL_HOLD": JobState.HELD,
    "REVOKED": JobState.CANCELLED,
    "RUNNING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "SPECIAL_EXIT": JobState.HELD,
    "STAGE_OUT": JobState.RUNNING,
    "STOPPED": JobState.HELD,
    "SUSPENDED": JobState.HELD,
    "TIMEOUT": JobState.TIMEOUT,
    "UPDATE_DB": JobState.RUNNING,
}
"""https://slurm.schedmd.com/job_state_codes.html"""

HOPELESS: Final[Mapping[str, str]] = {
    "AccountNotAllowed": "its account may not use the partition",
    "BadConstraints": "no node meets its constraints",
    "DependencyNeverSatisfied": "what it depends on will never be",
    "InvalidAccount": "its account is not known",
    "InvalidQOS": "its quality of service is not known",
    "JobHeldAdmin": "an administrator holds it",
    "JobHoldMaxRequeue": "it was requeued too often and is held; scontrol release lets it go",
    "JobHeldUser": "it is held; scontrol release lets it go",
    "PartitionConfig": "it asks for more than its partition allows: more nodes than it has, say",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "PartitionNodeLimit": "it asks for more nodes than its partition allows",
    "PartitionTimeLimit": "its walltime is over its partition's limit",
    "QOSNotAllowed": "its quality of service may not be used in its partition",
    "QOSTimeLimit": "its walltime is over the limit of its quality of service",
}
"""Reasons for which a job waits until somebody changes it or the system (squeue's manual, "job reason codes")."""

_HELD_UNTIL_RELEASED = frozenset({"REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"})
_HELD = re.compile(r"\bheld\b", re.IGNORECASE)
"""Slurm says in words why it holds a job by itself: "launch failed requeued held", "job requeued in held state"."""

_UNKNOWN_JOB = re.compile(r"Invalid job id specified", re.IGNORECASE)
_AWAY = re.compile(
    r"Unable to contact|timed out|[Cc]onnect failure|Connection refused|standby|temporarily|Zero Bytes|Transport"
    r"|Unexpected message received|Unspecified error|Protocol authentication|munge|authentication credential",
    re.IGNORECASE,
)
_LATER = re.compile(r"MaxSubmit|MaxJobs", re.IGNORECASE)
"""What is refused now, and taken when other jobs have ended."""
_REFUSED = re.compile(
    r"invalid|not permitted|not allowed|unrecognized|unable to open|does not exist|is not available"
    r"|permission denied|must be specified|policy|no partition|user unknown|more processors|too many",
    re.IGNORECASE,
)

_JOB_ID = re.compile(r"\d+(?:_\d+)?")
_LAST_ID = 67_108_863
"""The last id that a cluster gives (slurm.conf's manual, MaxJobId); those of federations may be larger."""
_NO_JOB = "999999999"


def job_ids(jobs: Sequence[str]) -> list[str]:
    """Those jobs that may be named in a command: another word among them would make Slurm refuse all of them."""
    return [job for job in jobs if _JOB_ID.fullmatch(job)] or [_NO_JOB]


def is_refusal(result: CommandResult) -> bool:
    """Whether sbatch says that it will never take this script."""
    passing = _AWAY.search(result.stderr) or _LATER.search(result.stderr)
    return not passing and bool(_REFUSED.search(result.stderr))


def squeue_reports(result: CommandResult, jobs: Sequence[str]) -> dict[str, JobReport]:
    """Reports from ``squeue --noheader --states=all --format=%F|%T|%r``.

    Raises:
        Unavailable: squeue failed for another reason than that a job is unknown.
        Unreadable: a line has another form.
    """
    if result.exit_code:
        if _UNKNOWN_JOB.search(result.stderr):
            return {}  # it was asked for one job only, and that is not known any more
        raise Unavailable(_complaint("squeue", result))
    return _folded(jobs, ((line[0], _report(line[1], line[2])) for line in _lines(result.stdout, "squeue", fields=3)))


def sacct_reports(result: CommandResult, jobs: Sequence[str]) -> dict[str, JobReport]:
    """Reports from ``sacct --allocations --noheader --parsable2 --format=JobID,State,ExitCode``.

    Raises:
        Unavailable: sacct failed; most likely there is no accounting.
        Unreadable: a line has another form.
    """
    if result.exit_code:
        raise Unavailable(_complaint("sacct", result))
    lines = _lines(result.stdout, "sacct", fields=3)
    return _folded(jobs, ((line[0], _report(line[1], "", _exit_code(line[2]))) for line in lines))


def scancel_answers(result: CommandResult, jobs: Sequence[str]) -> dict[str, bool]:
    """Which jobs are over or about to end, from ``scancel --verbose``.

    One that Slurm does not know is over, if it can have been: Slurm forgets jobs minutes after their end.

    Raises:
        Unavailable: nobody was told.
    """
    answers = {job: bool(_JOB_ID.fullmatch(job)) for job in jobs}
    if result.exit_code and (_AWAY.search(result.stderr) or "error on job id" not in result.stderr):
        raise Unavailable(_complaint("scancel", result))
    for job, why in re.findall(r"error on job id (\w+): (.*)", result.stderr):
        if _UNKNOWN_JOB.search(why):
            over = int(job.partition("_")[0]) <= _LAST_ID
        else:
            over = "already completing or completed" in why
        if job in answers:
            answers[job] = over
    return answers


def _report(code: str, reason: str, exit_code: int | None = None) -> JobReport:
    # sacct: "CANCELLED by 1000"; both: "CANCELLED+" where a column was too narrow.
    word = code.partition(" ")[0].rstrip("+")
    state = STATES.get(word)
    if state is None:
        return JobReport(JobState.UNKNOWN, f"Slurm says {code!r}, which is no state that is known")
    words = [word] if reason in ("", "None") else [word, f"({reason})"]
    hopeless = HOPELESS.get(reason) if state in (JobState.PENDING, JobState.HELD) else None
    if hopeless is not None:
        hopeless = f"{hopeless} ({reason})"
        state = JobState.HELD if reason.startswith("JobH") else state
    elif state is JobState.PENDING and _HELD.search(reason.replace("_", " ")):
        hopeless, state = f"Slurm holds it; scontrol release lets it go ({reason})", JobState.HELD
    elif state is JobState.HELD and word in _HELD_UNTIL_RELEASED:
        hopeless = f"Slurm holds it; scontrol release lets it go ({word})"
    return JobReport(state, " ".join(words), exit_code, hopeless)


def _exit_code(text: str) -> int | None:
    """From ``code:signal``; negative for a signal. Of a job that was cancelled in the queue both are 0."""
    code, _, signal = text.partition(":")
    if not code.isdecimal():
        return None
    return -int(signal) if signal.isdecimal() and int(signal) else int(code)


def _lines(text: str, command: str, *, fields: int) -> list[list[str]]:
    lines = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("CLUSTER:"):  # the heading of one cluster of several
            continue
        parts = line.split("|")
        if len(parts) != fields:
            raise Unreadable(f"{command} printed a line that is none of its: {line[:200]!r}")
        lines.append([part.strip() for part in parts])
    return lines


def _folded(jobs: Sequence[str], found: Iterable[tuple[str, JobReport]]) -> dict[str, JobReport]:
    """One report for each job that was asked for, also for one that is an array and has several lines."""
    wanted = set(jobs)
    reports: dict[str, list[JobReport]] = {}
    for name, report in found:
        job = name if name in wanted else re.split(r"[_+.]", name, maxsplit=1)[0]
        if job in wanted:
            reports.setdefault(job, []).append(report)
    return {job: min(several, key=_urgency) for job, several in reports.items()}


def _urgency(report: JobReport) -> int:
    """What an array is as a whole: it runs as long as one of its jobs does, and has failed if one of them has."""
    order = (
        JobState.RUNNING,
        JobState.PENDING,
        JobState.HELD,
        JobState.UNKNOWN,
        JobState.FAILED,
        JobState.TIMEOUT,
        JobState.CANCELLED,
    )
    return order.index(report.state) if report.state in order else len(order)


def _complaint(command: str, result: CommandResult) -> str:
    words = (result.stderr.strip() or result.stdout.strip() or "without a word")[-500:]
    return f"{command} failed with exit code {result.exit_code}: {words}"
