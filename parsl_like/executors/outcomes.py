"""How attempts end, as events: shared by the executors that run users' code in this process or through its futures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType
from parsl_like.errors import TaskExit

if TYPE_CHECKING:
    from parsl_like.core.events import RawEvent

SUCCEEDED = int(EventType.ATTEMPT_SUCCEEDED)
FAILED = int(EventType.ATTEMPT_FAILED)
LOST = int(EventType.ATTEMPT_LOST)

Report = tuple[float, float, str]
"""When an attempt started and ended, in seconds since the epoch, and where it ran."""


def failure(attempt: int, error: BaseException, report: Report | None = None) -> RawEvent:
    """The event of a failed attempt; what would end a thread or the interpreter becomes an error that does not."""
    if not isinstance(error, Exception):
        error = contained(error)
    return (FAILED, attempt, (error, 1.0, report))


def refusal(attempt: int, error: BaseException) -> RawEvent:
    """The event of an attempt that will never run here: trying again would be no use, so no budget covers it."""
    return (FAILED, attempt, (error, math.inf, None))


def contained(error: BaseException) -> TaskExit:
    """SystemExit, KeyboardInterrupt and their like as the error a future can hold; the original is its cause."""
    import traceback  # only for those who leave this way

    text = "".join(traceback.format_exception(error))
    inside = TaskExit(type(error).__name__, str(error), text)
    inside.__cause__ = error
    return inside


def value_or_raise(event: RawEvent) -> Any:
    """The value of a successful attempt.

    Raises:
        BaseException: what the attempt failed with, or the cause of its loss.
    """
    code, _, data = event
    if code == SUCCEEDED:
        return data[0]
    raise data[0]
