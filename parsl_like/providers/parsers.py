"""What the commands of PBS's family print, read by pure functions; PBS Pro, OpenPBS and Torque share it.

The long form of ``qstat -f`` is read, not JSON: Torque has none, and that of PBS Pro is not always valid
(https://github.com/openpbs/openpbs/issues/2541, https://github.com/openpbs/openpbs/issues/1255) and leaves out jobs
in some versions (https://github.com/openpbs/openpbs/issues/2672).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parsl_like.core.job_states import JobReport, JobState
from parsl_like.providers.dialect import Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsl_like.core.ports import CommandResult
    from parsl_like.providers.dialect import Command, JobPaths

UNKNOWN_JOB, FINISHED_JOB, WRONG_STATE = 153, 35, 168
"""Exit codes that are about a job, not about the question: the low byte of the server's error number."""
SIGNALLED = 256
"""An exit status from here on is this and a signal's number."""
TERMINATED = "91"
"""The substate of a job that somebody has ended."""
ENDED_BY_OTHERS = (128 + 15, SIGNALLED + 15, SIGNALLED + 9)
"""Exit statuses of scripts that were told to end, by SIGTERM, and were killed if they did not."""
NO_JOB = "9999999999999"
"""Has more digits than the number of a job can have; for a command that needs one."""
MOST_WORDS = 500

_JOB_ID = re.compile(r"(\d+)(\[[^\]]*\])?(?:\.[^\s@]+)?(?:@\S+)?")
_HEADER = "Job Id:"
_ATTRIBUTE = re.compile(r"(?: {4}|\t)([\w.]+) = (.*)")
_NO_SUCH_JOB = re.compile(r"Unknown Job Id|nonexistent job id|illegally formed job identifier", re.IGNORECASE)
_JOB_IS_OVER = re.compile(r"Job has finished|invalid for state of job", re.IGNORECASE)
_NEVER = re.compile(r"can never run|queue not started|too many failed attempts", re.IGNORECASE)
_WALLTIME = re.compile(r"exceeded (?:resource )?walltime", re.IGNORECASE)
_PLAIN_PATH = re.compile(r"/[\w./+=@%~-]*", re.ASCII)
_NEVER_TAKEN = re.compile(
    r"unknown queue|no default queue|queue is not enabled|access to queue|unknown resource|unknown node"
    r"|illegal|invalid (?:account|credential|request|resource|queue|option)|bad (?:account|group|uid|gid)"
    r"|exceeds queue resource limits|violates queue|rejected by all possible destinations"
    r"|unauthorized request|no permission|undefined attribute|cannot access script|script file|usage:"
    r"|invalid partition|invalid feature|more processors requested|unknown option",
    re.IGNORECASE,
)


def said(result: CommandResult) -> str:
    """What a command that failed said, as one line; its exit code if it said nothing."""
    words = " ".join((result.stderr or result.stdout).split())[:MOST_WORDS]
    return words or f"exit code {result.exit_code} and not a word"


# --- ids --------------------------------------------------------------------------------------------------------


def is_pbs_id(job: str) -> bool:
    """Whether a text can be the id of a job; what cannot is the name of a queue to these commands."""
    return _JOB_ID.fullmatch(job) is not None


def pbs_ids(jobs: Sequence[str]) -> list[str]:
    """Those jobs that may be named in a command: the others would be read as queues, options or "all"."""
    return [job for job in jobs if is_pbs_id(job)] or [NO_JOB]


def pbs_job_id(result: CommandResult) -> str | None:
    """The id that ``qsub`` printed, with its server; whatever a site prints around it is left aside.

    A line that was cut off may be the beginning of another job's id.
    """
    *lines, _ = result.stdout.split("\n")
    return next((line.strip() for line in reversed(lines) if is_pbs_id(line.strip())), None)


def asked_for(found: str, asked: Sequence[str]) -> str | None:
    """Which of the ids that were asked for is meant by one that was printed.

    The same id first, then the same with another server's name or none, then the array that a printed job is part of.
    """
    if found in asked:
        return found
    number, index = _parts(found)
    candidates = {_parts(job): job for job in reversed(asked)}
    return candidates.get((number, index)) or candidates.get((number, "[]" if index else ""))


def _parts(job: str) -> tuple[str, str]:
    match = _JOB_ID.fullmatch(job)
    return (match[1], match[2] or "") if match else (job, "")


# --- submitting -------------------------------------------------------------------------------------------------


def pbs_submit(paths: JobPaths) -> Command:
    """The command for a script; where its path would be read in another way, the server's own words go nowhere."""
    stdout, stderr = (path if _PLAIN_PATH.fullmatch(path) else "/dev/null" for path in (paths.stdout, paths.stderr))
    return "qsub", "-N", paths.name, "-o", stdout, "-e", stderr, paths.script


def pbs_refusal(result: CommandResult) -> bool:
    """Whether the words are those of a refusal for good; a limit on waiting jobs or a busy server passes."""
    return _NEVER_TAKEN.search(f"{result.stderr}\n{result.stdout}") is not None


def pbs_duration(seconds: int) -> str:
    """A time as ``hours:minutes:seconds``; the family knows no days."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def pbs_memory(gigabytes: float) -> str:
    """GiB as a size: whole numbers only, with a unit of 1024s."""
    return f"{max(1, round(gigabytes * 1024))}mb"


# --- states -----------------------------------------------------------------------------------------------------


def pbs_blocks(text: str) -> dict[str, dict[str, str]]:
    """What ``qstat -f`` printed: by job, its attributes, their names in lower case and folded lines joined.

    The first of several attributes with one name counts: a value of the user's own may hold whole lines.
    """
    blocks: dict[str, dict[str, str]] = {}
    attributes: dict[str, str] = {}
    tabbed, name = False, ""
    for line in text.split("\n"):
        if line.startswith(_HEADER):
            attributes = blocks.setdefault(line.removeprefix(_HEADER).strip(), {})
            tabbed, name = line.startswith(f"{_HEADER}\t"), ""
        elif line.startswith("\t") and not tabbed:
            if name:
                attributes[name] += line[1:]
        elif match := _ATTRIBUTE.fullmatch(line):
            name = match[1].lower()
            if name in attributes:
                name = ""
            else:
                attributes[name] = match[2]
    return blocks


def pbs_reports(
    result: CommandResult, asked: Sequence[str], describe: Callable[[Mapping[str, str]], JobReport | None]
) -> dict[str, JobReport]:
    """A report for each job that ``qstat -f`` speaks of; several parts of an array become one.

    Args:
        result: What the command did.
        asked: The ids it was asked for.
        describe: From a job's attributes to a report; None if they leave open what became of it.

    Raises:
        Unavailable: the server did not answer.
        Unreadable: this is no answer.
    """
    blocks = pbs_blocks(result.stdout)
    about_jobs = result.exit_code in (UNKNOWN_JOB, FINISHED_JOB) or _about_jobs(result.stderr)
    if result.exit_code != 0 and not about_jobs:
        raise Unavailable(said(result))
    if not blocks and (result.stdout.strip() or not about_jobs):
        raise Unreadable(f"no job in {result.stdout[:MOST_WORDS]!r}")
    reports: dict[str, JobReport] = {}
    for found, attributes in blocks.items():
        job, report = asked_for(found, asked), describe(attributes)
        if job is not None and report is not None:
            reports[job] = max(report, reports.get(job, report), key=_liveliness)
    return reports


def _about_jobs(complaints: str) -> bool:
    lines = [line for line in complaints.splitlines() if line.strip()]
    return bool(lines) and all(_NO_SUCH_JOB.search(line) or _JOB_IS_OVER.search(line) for line in lines)


def _liveliness(report: JobReport) -> int:
    order = (JobState.RUNNING, JobState.PENDING, JobState.HELD, JobState.UNKNOWN, JobState.FAILED, JobState.TIMEOUT)
    return -order.index(report.state) if report.state in order else -len(order)


def pbs_report(
    attributes: Mapping[str, str],
    states: Mapping[str, JobState],
    endings: Mapping[int, tuple[JobState, str]],
) -> JobReport | None:
    """What the attributes of one job mean.

    Args:
        attributes: By name, in lower case.
        states: What the letters of ``job_state`` mean; one that means a job's end stands for COMPLETED.
        endings: What exit statuses mean that are not those of the job's script.
    """
    letter, comment = attributes.get("job_state", ""), attributes.get("comment")
    state = states.get(letter)
    if state is None:
        return JobReport(JobState.UNKNOWN, f"job_state is {letter!r}; {comment or 'no comment'}")
    if state is JobState.COMPLETED:
        return _ending(attributes, endings)
    if state is JobState.HELD and letter == "H":
        return _held(attributes, comment)
    waits = state is JobState.PENDING
    hopeless = comment if waits and comment and _NEVER.search(comment) else None
    return JobReport(state, comment or (f"job_state is {letter}" if letter not in "QR" else None), hopeless=hopeless)


def _held(attributes: Mapping[str, str], comment: str | None) -> JobReport:
    if attributes.get("depend"):
        return JobReport(JobState.HELD, comment or f"it waits for {attributes['depend']}")
    kinds = {"u": "by its user", "o": "by an operator", "s": "by the batch system", "p": "for a bad password"}
    by = [kinds[letter] for letter in attributes.get("hold_types", "") if letter in kinds]
    held = f"it is held {' and '.join(by)}".rstrip() + (f": {comment}" if comment else "; qrls releases it")
    return JobReport(JobState.HELD, held, hopeless=held)


def _ending(attributes: Mapping[str, str], endings: Mapping[int, tuple[JobState, str]]) -> JobReport | None:
    comment = attributes.get("comment") or None
    status = _whole(attributes.get("exit_status"))
    terminated = attributes.get("substate") == TERMINATED
    if status is not None and status < 0:
        unknown = JobState.FAILED, f"the batch system ended it with a status of its own, {status}"
        state, meaning = endings.get(status, unknown)
        return JobReport(state, f"{meaning}; {comment}" if comment else meaning)
    if (comment and _WALLTIME.search(comment)) or ((status is None or status > 128) and _time_is_up(attributes)):
        return JobReport(JobState.TIMEOUT, comment or "its walltime was over", _exit_code(status))
    if terminated or status in ENDED_BY_OTHERS or (status is None and not _began(attributes)):
        meaning = "somebody ended it, or the batch system for one of its limits"
        return JobReport(JobState.CANCELLED, f"{meaning}; {comment}" if comment else meaning, _exit_code(status))
    if status is None:
        return None
    return JobReport(JobState.COMPLETED if status == 0 else JobState.FAILED, comment, _exit_code(status))


def _began(attributes: Mapping[str, str]) -> bool:
    return any(
        name in ("exec_host", "stime", "start_time") or name.startswith("resources_used.") for name in attributes
    )


def _exit_code(status: int | None) -> int | None:
    return status if status is None or status < SIGNALLED else SIGNALLED - status


def _time_is_up(attributes: Mapping[str, str]) -> bool:
    used, limit = (_seconds(attributes.get(f"{kind}.walltime")) for kind in ("resources_used", "resource_list"))
    return used is not None and limit is not None and used >= limit > 0


def _seconds(text: str | None) -> int | None:
    parts = [_whole(part) for part in (text or "").split(":")]
    total = 0
    for part in parts:
        if part is None:
            return None
        total = total * 60 + part
    return total


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,9}", text.strip(), re.ASCII) else None


# --- ending -----------------------------------------------------------------------------------------------------


def pbs_cancelled(result: CommandResult, asked: Sequence[str]) -> dict[str, bool]:
    """Whether each job is over or about to end, after ``qdel``.

    Slurm's own ``qdel`` says nothing at all and gives the number of jobs that it could not end; the family's do speak
    when their server is away.

    Raises:
        Unavailable: the server did not answer.
    """
    if result.exit_code == 0:
        return dict.fromkeys(asked, True)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    verdicts: dict[str, bool] = {}
    about_jobs = bool(lines) or (result.exit_code > 0 and not result.stdout.strip())
    for line in lines:
        over = _JOB_IS_OVER.search(line) is not None
        named = [job for word in line.split() if is_pbs_id(word) and (job := asked_for(word, asked)) is not None]
        verdicts |= dict.fromkeys(named, over)
        about_jobs = about_jobs and bool(over or named or _NO_SUCH_JOB.search(line))
    if about_jobs:
        others = bool(lines) or result.exit_code in (FINISHED_JOB, WRONG_STATE)
        return {job: verdicts.get(job, others and is_pbs_id(job)) for job in asked}
    if verdicts:
        return verdicts
    raise Unavailable(said(result))
