"""What the commands of Cobalt print, as pure functions over text.

Sources: the manual pages and clients of https://github.com/ido/cobalt (man/POSIX, src/clients/POSIX), and
https://docs.alcf.anl.gov/theta/queueing-and-running-jobs/job-and-queue-scheduling/ for the states of jobs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsl_like.core.job_states import JobReport, JobState
from parsl_like.providers.dialect import Unavailable, Unreadable
from parsl_like.providers.parsers import said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import CommandResult

STATES: Final[Mapping[str, JobState]] = {
    "admin_hold": JobState.HELD,
    "dep_fail": JobState.HELD,
    "dep_hold": JobState.HELD,
    "exiting": JobState.RUNNING,  # its script has ended; its nodes are being cleaned
    "killing": JobState.RUNNING,  # it was told to end
    "maxrun_hold": JobState.PENDING,  # until fewer jobs of its user run
    "preempted": JobState.PENDING,
    "preempting": JobState.RUNNING,
    "queued": JobState.PENDING,
    "running": JobState.RUNNING,
    "starting": JobState.PENDING,  # its nodes may have to boot first
    "user_hold": JobState.HELD,
}
OVER: Final = frozenset({"done"})
"""States that say no more than that a job is about to vanish: its files tell how it ended."""

HOPELESS: Final[Mapping[str, str]] = {
    "admin_hold": "an administrator holds it",
    "dep_fail": "what it depends on has failed",
    "user_hold": "it is held; qrls lets it go",
}
"""States that last until somebody intervenes."""
CLOSED: Final = frozenset({"stopped", "dead"})
"""States of queues that start no job (qstat(1))."""
NO_JOB: Final = "2147483647"
"""Is no number of a job; for a command that needs one."""
LAST_NUMBER: Final = 99_999_999
"""A job of a larger number that is not known has hardly been: it is not taken for over."""

_JOB_ID = re.compile(r"[1-9]\d{0,9}", re.ASCII)
_NEW_JOB = re.compile(r"^([1-9]\d*)[ \t]*\r?\n", re.MULTILINE)
_FIRST = re.compile(r"(\w+):\s*(\S.*?)\s*")
_MORE = re.compile(r"\s+(\w+)\s*:\s?(.*?)\s*")
_PASSING = re.compile(
    r"limit of|has been reached|failed to connect|component error|XMLRPC|time[d ]?-?out", re.IGNORECASE
)
_REFUSED = re.compile(
    r"does not exist|non-exist|not allowed|max walltime|min walltime|out of realistic range|not valid|invalid"
    r"|not a directory|not found|not executable|queue is (?:draining|dead|stopped)|required|Usage:|Filter .* failed"
    r"|no such option|not authorized|permission",
    re.IGNORECASE,
)
_DELETED = re.compile(r"^\s*Deleted Jobs", re.MULTILINE)
_NOT_FOUND = re.compile(r"\bnot found\b", re.IGNORECASE)


def job_ids(jobs: Sequence[str]) -> list[str]:
    """Those that are numbers: any other word is the name of a queue to qstat, and the end of qdel."""
    return [job for job in jobs if _JOB_ID.fullmatch(job)] or [NO_JOB]


def job_id(result: CommandResult) -> str | None:
    """The number of the job that qsub has submitted, alone in a line; of a line that is cut off it may be another's."""
    found = _NEW_JOB.findall(result.stdout)
    return found[-1] if found else None


def refused(result: CommandResult) -> bool:
    """Whether qsub says that this job will never be taken; limits of the number of jobs pass."""
    words = f"{result.stdout}\n{result.stderr}"
    return _PASSING.search(words) is None and _REFUSED.search(words) is not None


def found(result: CommandResult) -> Sequence[str]:
    """The numbers in a list of nothing else."""
    return [word for word in result.stdout.split() if _JOB_ID.fullmatch(word)]


def cancelled(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, bool]:
    """What qdel says of each job. Cobalt forgets a job at its end: one that is not found is over, if it can have been.

    Raises:
        Unavailable: it speaks of no job.
    """
    words = f"{result.stdout}\n{result.stderr}"
    if result.exit_code != 0 or not (_DELETED.search(words) or _NOT_FOUND.search(words)):
        raise Unavailable(said(result))
    listed = {line.split()[0] for line in result.stdout.splitlines() if line.split()}
    return {job: job in listed or (job.isdecimal() and 0 < int(job) <= LAST_NUMBER) for job in jobs}


def reports(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, JobReport]:
    """What ``qstat -l`` says of jobs; of those that are over it says nothing.

    Raises:
        Unavailable: the queue manager did not answer.
        Unreadable: this is no answer.
    """
    if result.exit_code != 0:
        if result.stdout.strip() or result.stderr.strip():
            raise Unavailable(said(result))
        return {}  # not one of these jobs is known, and qstat says so without a word
    listed = {entry["JobID"]: entry["State"] for entry in entries(result.stdout) if {"JobID", "State"} <= entry.keys()}
    if not listed:
        raise Unreadable(f"no job in {result.stdout[:200]!r}")
    wanted = set(jobs)
    return {job: _report(code) for job, code in listed.items() if job in wanted and code not in OVER}


def entries(text: str) -> list[dict[str, str]]:
    """What ``qstat -l`` lists: a line at the margin begins an entry, the others are indented."""
    listed: list[dict[str, str]] = []
    for line in text.splitlines():
        if first := _FIRST.fullmatch(line):
            listed.append({first[1]: first[2]})
        elif listed and (more := _MORE.fullmatch(line)):
            listed[-1].setdefault(more[1], more[2])
    return listed


def _report(code: str) -> JobReport:
    state = STATES.get(code)
    if state is None:
        return JobReport(JobState.UNKNOWN, f"Cobalt says {code!r}, which is no state that is known")
    never = HOPELESS.get(code)
    return JobReport(state, code, hopeless=f"{never} ({code})" if never else None)


def why(result: CommandResult) -> tuple[str, bool] | None:
    """Why a job waits, from the state of its queue: one that is stopped or dead starts nothing until it is opened.

    Raises:
        Unavailable: it speaks of no queue.
    """
    queues = [entry for entry in entries(result.stdout) if {"Name", "State"} <= entry.keys()]
    if result.exit_code != 0 or not queues:
        raise Unavailable(said(result))
    name, state = queues[0]["Name"], queues[0]["State"]
    return (f"its queue {name} is {state}", True) if state in CLOSED else None
