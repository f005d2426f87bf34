"""What a job's files and its batch system say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsl_like.core.job_states import JobReport, JobState
from parsl_like.providers.job_files import JobFiles
from parsl_like.providers.remains import with_remains

if TYPE_CHECKING:
    from pathlib import Path

NOW = 10_000.0


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles.claim(tmp_path, "block")


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.RUNNING, JobState.HELD, JobState.UNKNOWN])
def test_a_batch_system_that_says_that_a_job_goes_on_is_believed(files: JobFiles, state: JobState) -> None:
    files.exit_code.write_text("1\n")
    files.timeout.touch()
    report = JobReport(state, "in its words", hopeless="why")
    assert with_remains(report, files, now=NOW) is report


def test_of_a_job_that_left_nothing_nothing_is_known(files: JobFiles) -> None:
    assert with_remains(None, files, now=NOW) is None
    files.ends.write_text("not yet")
    assert with_remains(None, files, now=NOW) is None
    files.ends.write_text(f"{NOW + 11}".partition(".")[0])
    assert with_remains(None, files, now=NOW) is None


@pytest.mark.parametrize(
    ("exit_code", "timed_out", "state"),
    [
        ("0", False, JobState.COMPLETED),
        ("3", False, JobState.FAILED),
        ("143", False, JobState.CANCELLED),
        ("143", True, JobState.TIMEOUT),
    ],
)
def test_its_exit_code_tells_its_end(files: JobFiles, exit_code: str, timed_out: bool, state: JobState) -> None:
    files.exit_code.write_text(exit_code)
    if timed_out:
        files.timeout.touch()
    report = with_remains(None, files, now=NOW)
    assert report == JobReport(state, f"{files.script} ended with exit code {exit_code}", int(exit_code))


def test_without_one_its_end_was_that_of_its_time(files: JobFiles) -> None:
    files.ends.write_text("9999\n")
    report = with_remains(None, files, now=NOW)
    assert report is not None
    assert (report.state, report.exit_code) == (JobState.TIMEOUT, None)
    assert str(files.script) in str(report.message)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (JobState.FAILED, JobState.TIMEOUT),
        (JobState.CANCELLED, JobState.TIMEOUT),
        (JobState.TIMEOUT, JobState.TIMEOUT),
        (JobState.COMPLETED, JobState.COMPLETED),
    ],
)
def test_the_files_know_why_a_job_was_told_to_end(files: JobFiles, said: JobState, state: JobState) -> None:
    files.timeout.touch()
    report = with_remains(JobReport(said, "in its words"), files, now=NOW)
    assert report == JobReport(state, f"in its words; its script is {files.script}")


def test_what_both_know_the_batch_system_says(files: JobFiles) -> None:
    files.exit_code.write_text("3\n")
    report = with_remains(JobReport(JobState.FAILED), files, now=NOW)
    assert report == JobReport(JobState.FAILED, f"{files.script} ended with exit code 3", 3)
    report = with_remains(JobReport(JobState.FAILED, exit_code=-9), files, now=NOW)
    assert report == JobReport(JobState.FAILED, f"{files.script} ended with exit code -9", -9)
