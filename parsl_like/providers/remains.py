"""What the files of a job say of its end, beside what its batch system says."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.providers.processes import signal_name
from parsl_like.providers.script import LIFETIME_MARGIN_S

if TYPE_CHECKING:
    from parsl_like.providers.job_files import JobFiles

TOLD_TO_END = 143
"""The exit code of a script that SIGTERM has ended, as batch systems send it to whatever somebody cancels."""


def with_remains(report: JobReport | None, files: JobFiles, *, now: float) -> JobReport | None:
    """What is known of a job when its batch system and its files are both heard.

    A batch system that says that a job waits or runs is believed; it ends jobs later than their scripts end. Of a job
    that it says nothing of, the exit code in its files tells the end; if there is none and its time was up, that was
    its end. Of a job that has ended, the files may know the exit code, and that its walltime was the reason.

    Args:
        report: What the batch system says; None for nothing.
        files: The job's.
        now: Seconds since the epoch.
    """
    if report is not None and report.state not in TERMINAL_STATES:
        return report
    exit_code, timed_out = files.read_exit_code(), files.timeout.exists()
    if report is None:
        return _from_files(files, exit_code, timed_out=timed_out, now=now)
    state = report.state
    if timed_out and state in (JobState.FAILED, JobState.CANCELLED):
        state = JobState.TIMEOUT
    known = report.exit_code if report.exit_code is not None else exit_code
    message = f"{report.message}; " if report.message else ""
    return dataclasses.replace(report, state=state, exit_code=known, message=f"{message}{_script(files, known)}")


def _from_files(files: JobFiles, exit_code: int | None, *, timed_out: bool, now: float) -> JobReport | None:
    if exit_code is None:
        ends = files.read_ends()
        if ends is None or now < ends - LIFETIME_MARGIN_S:
            return None
        return JobReport(JobState.TIMEOUT, f"{files.script} was ended without an exit code when its time was up")
    if timed_out:
        state = JobState.TIMEOUT
    elif exit_code == TOLD_TO_END:
        state = JobState.CANCELLED
    else:
        state = JobState.COMPLETED if exit_code == 0 else JobState.FAILED
    return JobReport(state, _script(files, exit_code), exit_code)


def _script(files: JobFiles, exit_code: int | None) -> str:
    if exit_code is None:
        return f"its script is {files.script}"
    return f"{files.script} ended with exit code {exit_code}"


def ending(files: JobFiles, exit_code: int | None) -> JobReport:
    """How a job without a batch system ended of which it is known that it is over.

    Args:
        files: The job's.
        exit_code: What its script left; None for nothing.
    """
    if exit_code is None:
        how = "ended without an exit code; it was killed, or its disk is full"
    elif exit_code < 0:
        how = f"was ended by signal {-exit_code} ({signal_name(-exit_code)})"
    else:
        how = f"ended with exit code {exit_code}"
    message = f"{files.script} {how}" + ("" if files.script.exists() else "; somebody has removed its files")
    if files.cancelled.exists():
        state = JobState.CANCELLED
    elif files.timeout.exists():
        state = JobState.TIMEOUT
    else:
        state = JobState.COMPLETED if exit_code == 0 else JobState.FAILED
    return JobReport(state, message, exit_code)
