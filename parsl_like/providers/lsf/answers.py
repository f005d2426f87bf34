"""What the commands of LSF print, as pure functions over text.

Sources: https://www.ibm.com/docs/en/spectrum-lsf/10.1.0?topic=execution-about-job-states (states),
https://www.ibm.com/docs/SSWRJV_10.1.0/lsf_admin/termination_reasons_lsf.html (why jobs ended),
https://www.ibm.com/docs/en/SSWRJV_10.1.0/lsf_command_ref/bjobs.o.1.html (the listing).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.providers.dialect import Unavailable, Unreadable
from parsl_like.providers.parsers import said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import CommandResult

STATES: Final[Mapping[str, JobState]] = {
    "DONE": JobState.COMPLETED,
    "EXIT": JobState.FAILED,  # or was ended: the reason of its end tells
    "PEND": JobState.PENDING,
    "POST_DONE": JobState.COMPLETED,
    "POST_ERR": JobState.COMPLETED,  # what follows the job has failed, not the job
    "PROV": JobState.PENDING,  # its host is being powered on
    "PSUSP": JobState.HELD,
    "RUN": JobState.RUNNING,
    "SSUSP": JobState.HELD,  # suspended by LSF
    "USUSP": JobState.HELD,  # suspended by its user or an administrator
    "WAIT": JobState.PENDING,  # within a chunk of jobs
    "ZOMBI": JobState.RUNNING,  # told to end, on a host that is not heard of; bkill -r makes it go
}
UNHEARD: Final = frozenset({"UNKWN"})
"""States of jobs whose host is not heard of: only their managers know how they do."""

_CANCELLED, _FAILED, _TIMEOUT = JobState.CANCELLED, JobState.FAILED, JobState.TIMEOUT
ENDINGS: Final[Mapping[str, tuple[JobState, str]]] = {
    "TERM_ADMIN": (_CANCELLED, "an administrator ended it"),
    "TERM_BUCKET_KILL": (_CANCELLED, "it was ended together with many others"),
    "TERM_CHKPNT": (_CANCELLED, "it was ended after a checkpoint"),
    "TERM_CPULIMIT": (_FAILED, "it used more processor time than it may"),
    "TERM_CSM_ALLOC": (_FAILED, "its nodes could not be allocated"),
    "TERM_CWD_NOTEXIST": (_FAILED, "its directory is not there on its host"),
    "TERM_DATA": (_FAILED, "its data could not be staged"),
    "TERM_DEADLINE": (_TIMEOUT, "its deadline has passed"),
    "TERM_EXTERNAL_SIGNAL": (_FAILED, "a signal that did not come from LSF ended it"),
    "TERM_FORCE_ADMIN": (_CANCELLED, "an administrator ended it at once"),
    "TERM_FORCE_OWNER": (_CANCELLED, "its owner ended it at once"),
    "TERM_KUBE": (_FAILED, "LSF's link to Kubernetes ended it"),
    "TERM_LOAD": (_CANCELLED, "its host had too much load"),
    "TERM_MC_RECALL": (_CANCELLED, "it was called back from another cluster"),
    "TERM_MEMLIMIT": (_FAILED, "it used more memory than it may"),
    "TERM_ORPHAN_SYSTEM": (_CANCELLED, "what it depended on has failed"),
    "TERM_OTHER": (_CANCELLED, "it was moved to another queue"),
    "TERM_OWNER": (_CANCELLED, "its owner ended it"),
    "TERM_PREEMPT": (_CANCELLED, "it had to make room for another job"),
    "TERM_PRE_EXEC_FAIL": (_FAILED, "what has to run before it failed too often"),
    "TERM_PROCESSLIMIT": (_FAILED, "it had more processes than it may"),
    "TERM_RC": (_CANCELLED, "its host was taken back by the cloud"),
    "TERM_REMOVE_HUNG_JOB": (_CANCELLED, "it was removed because it hung"),
    "TERM_REQUEUE_ADMIN": (_CANCELLED, "an administrator put it back into the queue"),
    "TERM_REQUEUE_OWNER": (_CANCELLED, "its owner put it back into the queue"),
    "TERM_REQUEUE_RC": (_CANCELLED, "its host was taken back by the cloud; it is in the queue again"),
    "TERM_RMS": (_FAILED, "the resource manager below LSF failed"),
    "TERM_RUNLIMIT": (_TIMEOUT, "its walltime was over"),
    "TERM_SLURM": (_FAILED, "one of its nodes failed"),
    "TERM_SWAP": (_FAILED, "it used more swap space than it may"),
    "TERM_THREADLIMIT": (_FAILED, "it had more threads than it may"),
    "TERM_UNKNOWN": (_FAILED, "LSF does not know why it ended"),
    "TERM_WINDOW": (_CANCELLED, "the hours in which its queue runs jobs are over"),
    "TERM_ZOMBIE": (_FAILED, "it ended while LSF was away"),
}
"""Why a job has ended, as far as LSF knows."""

HOPELESS: Final[Mapping[str, str]] = {
    "Dependency condition invalid or never satisfied": "what it depends on will never be",
    "The queue is inactivated by the administrator": "its queue is inactivated by an administrator",
}
"""Reasons for which a job waits until somebody intervenes."""

FIELDS: Final = "jobid stat exit_code exit_reason pend_reason delimiter='^'"
"""What is asked of each job; a reason to wait may hold anything, so it comes last."""
NO_JOB: Final = "2147483647"
"""Is larger than the number of any job (lsb.params, MAX_JOBID); for a command that needs one."""
NOT_THERE: Final = 127
"""The exit code of a shell that does not find the command."""
LAST_NUMBER: Final = 99_999_999
"""A job of a larger number that is not known has hardly been: it is not taken for over."""

_JOB_ID = re.compile(r"[1-9]\d{0,9}", re.ASCII)
_SUBMITTED = re.compile(r"^Job <([1-9]\d*)> is submitted to", re.MULTILINE)
_ROW = re.compile(r"(\d+)(?:\[\d+\])?\^")
_ABSENT = re.compile(r"Job <[^>]*> is not found|No (?:unfinished |matching )?job found", re.IGNORECASE)
_PASSING = re.compile(
    r"LSF is down|cannot connect|non-LSF host|time[d ]?-?out|communication|connection|not responding"
    r"|try (?:it )?(?:again|later)|threshold reached|limit reached|mbatchd|temporar",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"Job not submitted|illegal option|Usage:|No such file|Permission denied", re.IGNORECASE)
_TOLD = re.compile(
    r"^Job <(\d+)>(?: is being (?:terminated|signaled)|: (?:Job has already finished|Operation is in progress))",
    re.MULTILINE,
)
_GONE = re.compile(r"^Job <(\d+)>: No matching job found", re.MULTILINE)
_ABOUT_A_JOB = re.compile(r"^Job <\d+>", re.MULTILINE)


def job_ids(jobs: Sequence[str]) -> list[str]:
    """Those that are numbers of jobs: 0 means all jobs of a user to these commands, and any other word an option."""
    return [job for job in jobs if _JOB_ID.fullmatch(job)] or [NO_JOB]


def job_id(result: CommandResult) -> str | None:
    """The number of the job that bsub has submitted."""
    found = _SUBMITTED.findall(result.stdout)
    return found[-1] if found else None


def refused(result: CommandResult) -> bool:
    """Whether bsub says that this job will never be taken."""
    if result.exit_code == NOT_THERE:
        return True
    words = f"{result.stdout}\n{result.stderr}"
    return _PASSING.search(words) is None and _REFUSED.search(words) is not None


def found(result: CommandResult) -> Sequence[str]:
    """The numbers in a listing of nothing else."""
    return [word for word in result.stdout.split() if _JOB_ID.fullmatch(word)]


def cancelled(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, bool]:
    """What bkill says of each job. LSF forgets jobs an hour after their end: one that it does not know is over.

    Raises:
        Unavailable: it speaks of none.
    """
    words = f"{result.stdout}\n{result.stderr}"
    if not _ABOUT_A_JOB.search(words):
        raise Unavailable(said(result))
    told, gone = set(_TOLD.findall(words)), set(_GONE.findall(words))
    return {job: job in told or (job in gone and int(job) <= LAST_NUMBER) for job in jobs}


def reports(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, JobReport]:
    """What ``bjobs -a -noheader -o`` says of jobs, in the order of :data:`FIELDS`.

    A job whose host is not heard of is left out.

    Raises:
        Unavailable: LSF did not answer.
        Unreadable: this is no answer.
    """
    complaints = [line for line in result.stderr.splitlines() if line.strip()]
    about_jobs = bool(complaints) and all(map(_ABSENT.search, complaints))
    if result.exit_code != 0 and not about_jobs and not _ABSENT.search(result.stdout):
        raise Unavailable(said(result))
    rows = _rows(result.stdout)
    if not rows and not about_jobs and not _ABSENT.search(result.stdout):
        raise Unreadable(f"no job in {result.stdout[:200]!r}")
    wanted = set(jobs)
    described = {number: _report(*fields) for number, fields in rows.items() if number in wanted}
    return {number: report for number, report in described.items() if report is not None}


def _rows(text: str) -> dict[str, list[str]]:
    """The fields of each job; a reason to wait goes on in the lines that follow it."""
    rows: dict[str, list[str]] = {}
    number = None
    for line in text.splitlines():
        if not line.strip() or _ABSENT.search(line):
            continue
        if match := _ROW.match(line):
            number, fields = match[1], [field.strip() for field in line.split("^", 4)[1:]]
            if len(fields) != 4:
                raise Unreadable(f"bjobs printed a line that is none of its: {line[:200]!r}")
            rows[number] = fields
        elif number is None:
            raise Unreadable(f"bjobs printed a line that is none of its: {line[:200]!r}")
        else:
            rows[number][-1] += f" {line.strip()}"
    return rows


def _report(code: str, exit_code: str, exit_reason: str, pend_reason: str) -> JobReport | None:
    if code in UNHEARD:
        return None
    state = STATES.get(code)
    if state is None:
        return JobReport(JobState.UNKNOWN, f"LSF says {code!r}, which is no state that is known")
    if state in TERMINAL_STATES:
        return _ending(state, exit_code, exit_reason)
    reason = "" if pend_reason == "-" else pend_reason
    words = f"{code}: {reason}" if reason else code
    if code == "PSUSP":
        return JobReport(state, words, hopeless=f"it is held; bresume lets it go ({words})")
    never = None
    if state is JobState.PENDING:
        never = next((meaning for phrase, meaning in HOPELESS.items() if phrase in reason), None)
    return JobReport(state, words, hopeless=f"{never} ({reason})" if never else None)


def _ending(state: JobState, exit_code: str, exit_reason: str) -> JobReport:
    code = int(exit_code) if exit_code.isdecimal() else None
    if state is JobState.COMPLETED:
        return JobReport(state, None, 0 if code is None else code)
    word = exit_reason.partition(":")[0].strip()
    if word in ENDINGS:
        state, meaning = ENDINGS[word]
        return JobReport(state, f"{meaning} ({exit_reason})", code)
    return JobReport(state, None if word in ("", "-") else exit_reason, code)
