"""What Parsl's programs see of a job."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.providers.status import SUMMARY_BYTES, JobStatus

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("state", list(JobState))
def test_state_and_name(state: JobState) -> None:
    status = JobStatus(state)
    assert status.status_name == state.name
    assert status.terminal is (state in TERMINAL_STATES)
    assert state.name in repr(status)


def test_outputs(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"said \xff")
    (tmp_path / "err").write_text("complained")
    status = JobStatus(JobState.FAILED, "m", 3, str(tmp_path / "out"), str(tmp_path / "err"))
    assert (status.message, status.exit_code) == ("m", 3)
    assert status.stdout == status.stdout_summary == "said \ufffd"
    assert status.stderr == status.stderr_summary == "complained"


def test_outputs_that_are_not_there() -> None:
    status = JobStatus(JobState.FAILED, stdout_path=os.path.join("no", "such"))
    assert (status.stdout, status.stdout_summary, status.stderr, status.stderr_summary) == (None,) * 4


def test_of_a_long_output_both_ends_are_shown(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("first\n" + "x" * 10_000 + "\nlast")
    status = JobStatus(JobState.FAILED, stdout_path=str(tmp_path / "out"))
    summary = status.stdout_summary
    assert summary is not None
    assert summary.startswith("first\n")
    assert summary.endswith("\nlast")
    assert f"[... {10_011 - 2 * SUMMARY_BYTES} bytes left out ...]" in summary
    assert status.stdout is not None
    assert len(status.stdout) == 10_011
