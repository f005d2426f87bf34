"""What the commands of Grid Engine print, as pure functions.

The manuals are those of Son of Grid Engine: https://manpages.debian.org/bookworm/gridengine-common/ for sge_status(5)
and accounting(5), https://manpages.debian.org/bookworm/gridengine-client/ for the commands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsl_like.core.job_states import JobReport, JobState
from parsl_like.providers.dialect import Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from parsl_like.core.ports import CommandResult

STATES: Final = {
    "E": JobState.HELD,
    "z": JobState.COMPLETED,
    "s": JobState.RUNNING,
    "S": JobState.RUNNING,
    "T": JobState.RUNNING,
    "r": JobState.RUNNING,
    "t": JobState.RUNNING,
    "h": JobState.HELD,
    "w": JobState.PENDING,
    "q": JobState.PENDING,
}
"""Letters of a job's state, as sge_status(5) lists the words made of them; the first one that a word has decides.

Others say more of the same: ``d`` that its end was asked for, ``R`` that it was started before.
"""
WORDS: Final = {
    "E": "it could not be started",
    "s": "it is suspended",
    "S": "it is suspended with its queue",
    "T": "it is suspended by an alarm of its queue",
    "h": "it is on hold",
}

NEVER_RAN: Final = frozenset({*range(1, 12), 18, 19, 21, *range(26, 30), *range(31, 37), 38})
"""Codes of accounting's ``failed`` that say that the job did not run (sge_status(5))."""
GOES_ON: Final = frozenset({24, 25})
"""Codes that say that it will run again."""
OVER_A_LIMIT = 37
"""The code for a job that the qmaster ended for its time or its memory."""
AFTER_THE_JOB = 100
"""The code for a job that ran and did not end by itself."""
SIGNALLED, KILLED = 128, 9
LAST_NUMBER = 9_999_999
"""The largest number that a job gets; then they begin anew."""
TOO_MANY_JOBS = 25
"""The exit code of qsub where a limit of the number of jobs is reached (submit(1))."""

_ID = re.compile(r"^(?:Your job(?:-array)? )?(\d+)(?:\.\d\S*)?(?: .*has been submitted)?\s*?\n", re.MULTILINE)
_NUMBER = re.compile(r"^job_number:\s+(\d+)\s*?\n", re.MULTILINE)
# Both ask for the end of the line: of an answer that is cut off, a number's first digits would be another job.
_NO_CONTACT = re.compile(
    r"unable to (?:contact|send message to) qmaster|commlib error|got (?:send|select|read) error|communication error"
    r"|timeout was reached|can't get configuration|failed receiving gdi request",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"rejected|denied|unknown (?:queue|resource|option)|does not exist|invalid|is not a|Unable to read script"
    r"|no suitable queues|has no permission|ERROR!",
    re.IGNORECASE,
)
_PASSING = re.compile(r"Only \d+ jobs are allowed|try (?:it )?again|too many", re.IGNORECASE)
_TOLD = re.compile(
    r"has registered the job (\d+) for deletion|has registered the job-array task (\d+)\.\S+ for deletion"
    r"|has deleted job (\d+)|has deleted job-array tasks? \S+ of job (\d+)|forced the deletion of job(?:-array task)? "
    r"(\d+)|job (\d+)(?:\.\d+)? is already in deletion"
)
_ERROR_REASON = re.compile(r"^error reason\s+\d+:\s+(?:\d\S* \d\S* )?(?:\[\S*\]: )?(?:error: )?(.+)$", re.MULTILINE)
_WANTED_QUEUES = re.compile(r"^hard_queue_list:\s+(\S+)", re.MULTILINE)
_SCHEDULING = re.compile(r"^scheduling info:\s*(.*)", re.MULTILINE | re.DOTALL)
_DROPPED = re.compile(r'queue(?: instance)? "([^"]+)" dropped because')
_NOT_MEANT = re.compile(r"not contained in its hard queue list")
_LASTING = re.compile(
    r"is disabled|because of cluster queue|does not have the correct project|is not allowed to run|has no permission"
)
_MOST_WORDS = 3


def job_id(result: CommandResult) -> str | None:
    """The number of the job that qsub has submitted: alone in a line (``-terse``), or in its usual sentence."""
    found = _ID.findall(result.stdout)
    return found[-1] if found else None


def refused(result: CommandResult) -> bool:
    """Whether qsub says that this job will never be taken."""
    said = f"{result.stdout}\n{result.stderr}"
    if result.exit_code == TOO_MANY_JOBS or _NO_CONTACT.search(said) or _PASSING.search(said):
        return False
    return _REFUSED.search(said) is not None


def found(result: CommandResult) -> Sequence[str]:
    """The numbers of the jobs of which ``qstat -j`` speaks."""
    return _NUMBER.findall(result.stdout)


def cancelled(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, bool]:
    """What qdel says of each job. One that does not exist is over, if it can have been: nothing is kept of those.

    Raises:
        Unavailable: it speaks of none.
    """
    said = f"{result.stdout}\n{result.stderr}"
    told = {number for match in _TOLD.finditer(said) for number in match.groups() if number}
    absent = {job for job in jobs if f'job "{job}" does not exist' in said}
    if result.exit_code and not told and "does not exist" not in said and "privileges" not in said:
        raise Unavailable(_words(result))
    return {job: job in told or (job in absent and int(job) <= LAST_NUMBER) for job in jobs}


# --- qstat -xml


def states(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, JobReport]:
    """What ``qstat -f -xml`` says of jobs. All tasks of an array are one job: it runs if one of them does.

    A job whose host has not been heard of is left out as long as nobody has asked for its end: only its managers know
    how it does.

    Raises:
        Unavailable: the qmaster did not answer.
        Unreadable: what was printed is no listing.
    """
    if result.exit_code:
        raise Unavailable(_words(result))
    wanted = set(jobs)
    rows: dict[str, JobReport] = {}
    for entry, host in _entries(_document(result.stdout)):
        number = (entry.findtext("JB_job_number") or "").strip()
        code = (entry.findtext("state") or "").strip()
        if number not in wanted or ("u" in host and "d" not in code):
            continue
        report = _report(code, waits_for=[job.text or "" for job in entry.iter("predecessor_jobs")])
        rows[number] = report if number not in rows else _busier(rows[number], report)
    return rows


def _document(text: str) -> Element:
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(text.strip())  # noqa: S314 - the user's own batch system printed it
    except ElementTree.ParseError as error:
        raise Unreadable(f"qstat printed no XML ({error}): {text[:200]!r}") from error
    if root.tag != "job_info":
        raise Unreadable(f"qstat printed <{root.tag}> in the place of <job_info>: {text[:200]!r}")
    return root


def _entries(root: Element) -> Iterator[tuple[Element, str]]:
    """Jobs, each with the state of the queue of the host on which it runs."""
    placed = set()
    for queue in root.iter("Queue-List"):
        for entry in queue.iter("job_list"):
            placed.add(entry)
            yield entry, queue.findtext("state") or ""
    for entry in root.iter("job_list"):
        if entry not in placed:
            yield entry, ""


def _report(code: str, waits_for: Sequence[str]) -> JobReport:
    for letter, state in STATES.items():
        if letter not in code:
            continue
        if letter == "h" and waits_for:
            return JobReport(state, f"it waits for {', '.join(waits_for)} ({code})")
        message = f"{WORDS[letter]} (state {code})" if letter in WORDS else None
        return JobReport(state, message, hopeless=message if state is JobState.HELD else None)
    return JobReport(JobState.UNKNOWN, f"qstat says that its state is {code!r}")


def _busier(one: JobReport, other: JobReport) -> JobReport:
    order = (JobState.RUNNING, JobState.PENDING, JobState.HELD, JobState.COMPLETED, JobState.UNKNOWN)
    return min(one, other, key=lambda report: order.index(report.state))


# --- why a job waits


def why(result: CommandResult) -> tuple[str, bool] | None:
    """Why a job waits, by ``qstat -j``, and whether it will do so until somebody intervenes.

    That is only said of jobs in error state, and where every obstacle that the scheduler names, if its configuration
    has it name any (``schedd_job_info``), is one that does not go away when other jobs end or hosts come back.

    Raises:
        Unavailable: it speaks of no job.
    """
    if result.exit_code:
        raise Unavailable(_words(result))
    if errors := _ERROR_REASON.findall(result.stdout):
        return f"it could not be started: {errors[-1].strip()}", True
    queues = _WANTED_QUEUES.search(result.stdout)
    obstacles = list(_obstacles(result.stdout, queues[1].split(",") if queues else None))
    if not obstacles:
        return None
    lasting = all(_LASTING.search(line) for line in obstacles)
    if lasting and queues is None and all(_DROPPED.match(line) for line in obstacles):
        return None  # every job is told of queues that are out of service, also those that may go to others
    more = f"; and {len(obstacles) - _MOST_WORDS} more" if len(obstacles) > _MOST_WORDS else ""
    return "; ".join(obstacles[:_MOST_WORDS]) + more, lasting


def _obstacles(text: str, queues: Sequence[str] | None) -> Iterator[str]:
    """What the scheduler says, but for queues that the job did not ask for."""
    info = _SCHEDULING.search(text)
    for line in dict.fromkeys(map(str.strip, info[1].splitlines() if info else ())):
        dropped = _DROPPED.match(line)
        elsewhere = dropped and queues and not any(_covers(queue, dropped[1]) for queue in queues)
        if line and "turned off" not in line and not elsewhere and not _NOT_MEANT.search(line):
            yield line


def _covers(wanted: str, instance: str) -> bool:
    """Whether what a job asks for, a queue or one on some host, is that queue's instance."""
    from fnmatch import fnmatchcase

    return fnmatchcase(instance, wanted) or fnmatchcase(instance.partition("@")[0], wanted.partition("@")[0])


# --- qacct -j


def accounted(result: CommandResult, jobs: Sequence[str], *, lifetime: float) -> Mapping[str, JobReport]:
    """What accounting says of a job that is over; nothing for some seconds after its end.

    Args:
        result: Of ``qacct -j``.
        jobs: The one that was asked for.
        lifetime: Seconds that this run's jobs may take, if the record does not say it.

    Raises:
        Unavailable: there is no accounting, or it could not be read.
    """
    if result.exit_code and "not found" not in f"{result.stdout}{result.stderr}":
        raise Unavailable(_words(result))
    reports: dict[str, JobReport] = {}
    for record in _records(result.stdout):
        number = record.get("jobnumber", "")
        if number in jobs and _number(record.get("failed", "")) not in GOES_ON:
            reports[number] = _ending(record, lifetime)
    return reports


def _records(text: str) -> Iterator[dict[str, str]]:
    for part in re.split(r"^=+$", text, flags=re.MULTILINE):
        lines = (line.split(None, 1) for line in part.splitlines())
        if record := {words[0]: words[1].strip() for words in lines if len(words) == 2}:
            yield record


def _ending(record: Mapping[str, str], lifetime: float) -> JobReport:
    failed, exit_code = _number(record.get("failed", "")), _number(record.get("exit_status", ""))
    if failed is None or exit_code is None:
        return JobReport(JobState.UNKNOWN, f"qacct does not say how it ended: {dict(record)}")
    said = record["failed"].partition(":")[2].strip()
    words = (
        f"Grid Engine says: failed {failed}{f' ({said})' if said else ''}, exit status {exit_code}" if failed else None
    )
    if failed in NEVER_RAN:
        return JobReport(JobState.FAILED, words)
    seconds = _number(record.get("ru_wallclock", ""))
    if failed == OVER_A_LIMIT or (failed == AFTER_THE_JOB and exit_code > SIGNALLED):
        signal = SIGNALLED - exit_code if exit_code > SIGNALLED else None
        if seconds is not None and seconds >= _limit(record, lifetime):
            return JobReport(JobState.TIMEOUT, words, signal)
        if signal == -KILLED and failed == AFTER_THE_JOB:
            return JobReport(JobState.CANCELLED, f"{words}: deleted with qdel, or killed on its host", signal)
        return JobReport(JobState.FAILED, words, signal)
    return JobReport(JobState.COMPLETED if exit_code == 0 else JobState.FAILED, words, exit_code)


def _limit(record: Mapping[str, str], lifetime: float) -> float:
    """The job's own time limit, which is a part of what accounting calls its category."""
    match = re.search(r"\bh_rt=([\d:]+)", record.get("category", ""))
    if match is None:
        return lifetime
    hours, minutes, seconds = ["0", "0", *match[1].split(":")][-3:]
    return float(int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0))


def _number(text: str) -> int | None:
    match = re.match(r"\d+", text)
    return int(match[0]) if match else None


def _words(result: CommandResult) -> str:
    said = " ".join(f"{result.stderr} {result.stdout}".split())[:300]
    return f"exit code {result.exit_code}: {said or 'nothing was printed'}"
