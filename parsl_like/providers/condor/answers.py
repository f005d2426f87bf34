"""What the commands of HTCondor print, as pure functions over text.

Sources: https://htcondor.readthedocs.io/en/latest/classad-attributes/job-classad-attributes.html (the attributes of a
job), https://htcondor.readthedocs.io/en/latest/man-pages/condor_q.html and the pages beside it (the commands).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.providers.dialect import Unavailable, Unreadable
from parsl_like.providers.parsers import said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import CommandResult

STATES: Final[Mapping[int, JobState]] = {
    1: JobState.PENDING,  # idle
    2: JobState.RUNNING,
    3: JobState.RUNNING,  # it is being removed
    4: JobState.COMPLETED,  # or failed: its exit code tells
    5: JobState.HELD,
    6: JobState.RUNNING,  # it has ended; its files are being brought back
    7: JobState.HELD,  # suspended where it runs
}
"""Values of ``JobStatus``, of a job that is in the queue."""

ATTRIBUTES: Final = ",".join(
    (
        "ClusterId",
        "JobStatus",
        "HoldReason",
        "HoldReasonCode",
        "RemoveReason",
        "ExitBySignal",
        "ExitSignal",
        "ExitCode",
        "JobCurrentStartDate",
        "EnteredCurrentStatus",
    )
)
REMOVED, HELD = 3, 5
SPOOLING = 16
"""The code of a hold that passes: input files are on their way."""
NO_JOB: Final = "2147483647"
"""Is no number of a job; for a command that needs one."""
NOT_THERE: Final = 127
"""The exit code of a shell that does not find the command."""
LAST_NUMBER: Final = 99_999_999
"""A job of a larger number that is not known has hardly been: it is not taken for over."""

_JOB_ID = re.compile(r"[1-9]\d{0,9}", re.ASCII)
_SUBMITTED = re.compile(r"^([1-9]\d*)\.\d+ - \1\.\d+[ \t]*\r?\n", re.MULTILINE)
_AWAY = re.compile(
    r"failed to connect|can't find address|failed to fetch ads|SECMAN:|CEDAR:|AUTHENTICATE:|time[d ]?-?out|temporar"
    r"|connection (?:refused|reset)|unable to locate",
    re.IGNORECASE,
)
_PASSING = re.compile(r"MAX_JOBS|number of (?:submitted|jobs)|limit", re.IGNORECASE)
_REFUSED = re.compile(r"^\s*ERROR\b", re.MULTILINE | re.IGNORECASE)
_TOLD = re.compile(
    r"(?:all jobs in cluster|^cluster|^job)\s+(\d+)(?:\.\d+)?\s+(?:have been|has been|marked|removed|not found)",
    re.MULTILINE | re.IGNORECASE,
)
_GONE = re.compile(r"couldn't find/remove all jobs in cluster (\d+)", re.IGNORECASE)
_TOGETHER = re.compile(
    r"^(all|couldn't find/remove all) jobs matching constraint \(([^)]*)\)", re.MULTILINE | re.IGNORECASE
)
"""Of several clusters condor_rm speaks in one line."""
_CLUSTER = re.compile(r"ClusterId == (\d+)")
_EMPTY = re.compile(r"There are no jobs in the queue", re.IGNORECASE)
_ANALYSIS = re.compile(
    r"^\s*(?:WARNING:\s*)?((?:No machines matched|\d+ (?:slots )?(?:are|is|match|reject|do)\b).*?)\s*$", re.MULTILINE
)
_BY_POLICY = re.compile(r"PeriodicRemove", re.IGNORECASE)


def job_ids(jobs: Sequence[str]) -> list[str]:
    """Those that are numbers of jobs: any other word is the name of a user to these commands, or an option."""
    return [job for job in jobs if _JOB_ID.fullmatch(job)] or [NO_JOB]


def job_id(result: CommandResult) -> str | None:
    """The cluster of the job that ``condor_submit -terse`` has submitted; what is cut off may be another's."""
    found = _SUBMITTED.findall(result.stdout)
    return found[-1] if found else None


def refused(result: CommandResult) -> bool:
    """Whether condor_submit says that this job will never be taken."""
    if result.exit_code == NOT_THERE:
        return True
    words = f"{result.stdout}\n{result.stderr}"
    return not _AWAY.search(words) and not _PASSING.search(words) and _REFUSED.search(words) is not None


def found(result: CommandResult) -> Sequence[str]:
    """The numbers in a list of nothing else."""
    return [word for word in result.stdout.split() if _JOB_ID.fullmatch(word)]


def cancelled(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, bool]:
    """What condor_rm says of each job; one that is not in the queue any more is over.

    Raises:
        Unavailable: it speaks of none, or could not ask.
    """
    words = f"{result.stdout}\n{result.stderr}"
    told, gone = set(_TOLD.findall(words)), set(_GONE.findall(words))
    for which, constraint in _TOGETHER.findall(words):
        (told if which.lower() == "all" else gone).update(_CLUSTER.findall(constraint))
    if _EMPTY.search(words):
        gone.update(jobs)
    if _AWAY.search(words) or not (told or gone):
        raise Unavailable(said(result))
    return {job: job in told or (job in gone and _is_over(job)) for job in jobs}


def _is_over(job: str) -> bool:
    """Whether a job that is not in the queue has been there."""
    return _JOB_ID.fullmatch(job) is not None and int(job) <= LAST_NUMBER


def queued(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, JobReport]:
    """What ``condor_q -json`` says of jobs; of those that are over it says nothing.

    Raises:
        Unavailable: the queue could not be asked.
        Unreadable: this is no answer.
    """
    return {job: _report(ad) for job, ad in _ads(result, jobs).items()}


def remembered(result: CommandResult, jobs: Sequence[str], *, lifetime: int) -> Mapping[str, JobReport]:
    """What ``condor_history -json`` says of jobs that are over.

    Args:
        result: What the command did.
        jobs: Those that were asked for.
        lifetime: Seconds after which a job of this run is removed.

    Raises:
        Unavailable: there is no history, or it could not be read.
        Unreadable: this is no answer.
    """
    return {job: _past(ad, lifetime) for job, ad in _ads(result, jobs).items()}


def _ads(result: CommandResult, jobs: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What is known of each job, by its number; no output at all means of none."""
    if result.exit_code != 0:
        raise Unavailable(said(result))
    text = result.stdout.strip()
    if not text:
        return {}
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"no job in {text[:200]!r} ({error})") from error
    if not isinstance(listed, list) or not all(isinstance(ad, dict) for ad in listed):
        raise Unreadable(f"no job in {text[:200]!r}")
    wanted = set(jobs)
    return {str(ad.get("ClusterId")): ad for ad in listed if str(ad.get("ClusterId")) in wanted}


def _report(ad: Mapping[str, Any]) -> JobReport:
    code = ad.get("JobStatus")
    state = STATES.get(code) if isinstance(code, int) else None
    if state is None:
        return JobReport(JobState.UNKNOWN, f"HTCondor says that its JobStatus is {code!r}, which is not known")
    if state in TERMINAL_STATES:
        return _exit(ad, state)
    if code == HELD:
        reason = ad.get("HoldReason") or "it is held"
        words = f"it is held ({reason}); condor_release lets it go"
        return JobReport(state, words, hopeless=None if ad.get("HoldReasonCode") == SPOOLING else words)
    return JobReport(state, f"it is being removed: {ad.get('RemoveReason')}" if code == REMOVED else None)


def _past(ad: Mapping[str, Any], lifetime: int) -> JobReport:
    if ad.get("JobStatus") != REMOVED:
        return _exit(ad, JobState.COMPLETED)
    reason = str(ad.get("RemoveReason") or "HTCondor does not say why")
    if _BY_POLICY.search(reason):
        began, ended = ad.get("JobCurrentStartDate"), ad.get("EnteredCurrentStatus")
        if isinstance(began, int) and isinstance(ended, int) and ended - began >= lifetime:
            return JobReport(JobState.TIMEOUT, f"its walltime was over: {reason}")
        return JobReport(JobState.CANCELLED, f"its machine was lost, or taken from it: {reason}")
    return JobReport(JobState.CANCELLED, f"it was removed: {reason}")


def _exit(ad: Mapping[str, Any], good: JobState) -> JobReport:
    if ad.get("ExitBySignal") is True:
        signal = ad.get("ExitSignal")
        return JobReport(JobState.FAILED, f"signal {signal} ended it", -signal if isinstance(signal, int) else None)
    code = ad.get("ExitCode")
    if not isinstance(code, int):
        return JobReport(JobState.UNKNOWN, "HTCondor does not say how it ended")
    return JobReport(good if code == 0 else JobState.FAILED, None, code)


def why(result: CommandResult) -> tuple[str, bool] | None:
    """Why a job waits, in the words of ``condor_q -better-analyze``.

    It never says that a job waits in vain: machines come and go in a pool.

    Raises:
        Unavailable: the pool could not be asked.
    """
    if result.exit_code != 0:
        raise Unavailable(said(result))
    lines = [" ".join(line.split()) for line in _ANALYSIS.findall(result.stdout)]
    return ("; ".join(dict.fromkeys(lines)), False) if lines else None
