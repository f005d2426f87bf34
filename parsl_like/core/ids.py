"""Names of things, as types that cannot be mixed up.

An attempt's identity is one integer made of its task and its number, so that news of an attempt can be matched,
found stale, and sent over every link without a second field.
"""

from __future__ import annotations

from typing import NewType

TaskId = NewType("TaskId", int)
"""Counts from 0 in the order of submission within a run; negative numbers are foreign futures."""
AttemptId = NewType("AttemptId", int)
"""``task << 16 | number``; see :func:`attempt_id`."""
BlockId = NewType("BlockId", str)
JobId = NewType("JobId", str)
ExecutorLabel = NewType("ExecutorLabel", str)

ATTEMPT_BITS = 16
MAX_ATTEMPTS = 1 << ATTEMPT_BITS
_NUMBER_MASK = MAX_ATTEMPTS - 1


def attempt_id(task: int, number: int) -> AttemptId:
    """The identity of a task's attempt.

    Args:
        task: The task, at least 0.
        number: The attempt's number, from 0 to 65,535.
    """
    return AttemptId(task << ATTEMPT_BITS | number)


def task_of(attempt: int) -> TaskId:
    """The task an attempt belongs to."""
    return TaskId(attempt >> ATTEMPT_BITS)


def number_of(attempt: int) -> int:
    """Which try of its task an attempt is, from 0."""
    return attempt & _NUMBER_MASK
