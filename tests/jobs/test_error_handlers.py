"""Functions that a program passes as ``block_error_handler``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.job_states import JobState
from parsl_like.jobs.error_handlers import noop_error_handler, simple_error_handler, windowed_error_handler
from parsl_like.jobs.judgement import BlockStatus
from parsl_like.jobs.states import JobStatus

if TYPE_CHECKING:
    from pathlib import Path


class Failing:
    label = "htex"

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def set_bad_state_and_fail_all(self, exception: Exception) -> None:
        self.errors.append(exception)


LETTERS = {
    "P": JobState.PENDING,
    "R": JobState.RUNNING,
    "C": JobState.COMPLETED,
    "X": JobState.CANCELLED,
    "S": JobState.SCALED_IN,
    "F": JobState.FAILED,
    "T": JobState.TIMEOUT,
    "M": JobState.MISSING,
}


def statuses(letters: str) -> dict[str, JobStatus]:
    return {str(number): JobStatus(LETTERS[letter], f"m{number}") for number, letter in enumerate(letters)}


@pytest.mark.parametrize(
    ("letters", "simple", "windowed"),
    [
        ("", False, False),
        ("F", False, False),
        ("FF", False, False),
        ("FFF", True, True),
        ("FTM", True, True),
        ("FFFFF", True, True),
        ("FFR", False, False),
        ("RFFF", False, True),
        ("CFFF", False, True),
        ("FFFR", False, False),
        ("FFX", False, False),
        ("FFS", False, False),
        ("FFP", False, False),
    ],
)
def test_when_they_fail_the_executor(letters: str, simple: bool, windowed: bool) -> None:
    for handler, fails in (
        (simple_error_handler, simple),
        (windowed_error_handler, windowed),
        (noop_error_handler, False),
    ):
        executor = Failing()
        handler(executor, statuses(letters))
        assert bool(executor.errors) is fails, handler.__name__


def test_the_threshold_can_be_set() -> None:
    executor = Failing()
    simple_error_handler(executor, statuses("F"), threshold=1)
    windowed_error_handler(executor, statuses("CF"), 1)
    simple_error_handler(executor, statuses("FFF"), threshold=4)
    assert len(executor.errors) == 2


def test_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "err").write_text("no license")
    status = statuses("FFF")
    status["2"].stderr_path = str(tmp_path / "err")
    executor = Failing()
    simple_error_handler(executor, status)
    assert "3 blocks have failed, none has not; the last one: m2\n  it wrote:\nno license" in str(executor.errors[0])


def test_a_state_without_words() -> None:
    executor = Failing()
    simple_error_handler(executor, {"0": JobStatus(JobState.TIMEOUT)}, 1)
    assert "the last one: TIMEOUT" in str(executor.errors[0])


@pytest.mark.parametrize("handler", [simple_error_handler, windowed_error_handler])
@pytest.mark.parametrize("connected", [True, False])
def test_a_block_that_worked_until_its_walltime_has_not_failed(handler: Any, connected: bool) -> None:
    executor = Failing()
    handler(executor, {str(number): BlockStatus(JobState.TIMEOUT, connected=connected) for number in range(5)})
    assert bool(executor.errors) is not connected
