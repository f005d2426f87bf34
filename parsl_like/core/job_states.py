"""States of a batch job and their partial order, by which a job never goes back (Parsl's numbers and names)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class JobState(IntEnum):
    """What is known of a job that holds a block."""

    UNKNOWN = 0
    """The batch system's answer could not be understood; says nothing about the job."""
    PENDING = 1
    RUNNING = 2
    CANCELLED = 3
    COMPLETED = 4
    FAILED = 5
    TIMEOUT = 6
    """Ended by the batch system at its walltime."""
    HELD = 7
    MISSING = 8
    """Gone from the batch system's answers for longer than can be excused."""
    SCALED_IN = 9
    """Ended because this engine asked for it."""

    def __str__(self) -> str:
        return f"JobState.{self.name}"


TERMINAL_STATES = frozenset(
    {
        JobState.CANCELLED,
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.TIMEOUT,
        JobState.MISSING,
        JobState.SCALED_IN,
    }
)
"""States a job never leaves."""


def may_follow(before: JobState, after: JobState) -> bool:
    """Whether news ``after`` may replace what is known: never out of a final state, and UNKNOWN replaces nothing.

    PENDING after RUNNING is allowed: batch systems requeue jobs under the same id.
    """
    return before not in TERMINAL_STATES and after is not JobState.UNKNOWN and before is not after


@dataclass(frozen=True, slots=True)
class JobReport:
    """What one look at the batch system said about one job.

    Attributes:
        state: The state, translated.
        message: The batch system's own words, kept when they say more.
        exit_code: The job's exit code, where the batch system tells.
        hopeless: Why a job that waits can never start as it is, in words; None for one that merely waits.
    """

    state: JobState
    message: str | None = None
    exit_code: int | None = None
    hopeless: str | None = None
