"""What tasks end with under TaskVine, for programs that catch it."""

from __future__ import annotations

from parsl_like.errors import AppException, ParslError


class TaskVineTaskFailure(AppException):
    """TaskVine ran a task, and it did not end well.

    Args:
        reason: What happened, in words.
        status: The exception that the task raised, None if it came to none.
    """

    def __init__(self, reason: str, status: Exception | None) -> None:
        self.reason, self.status = reason, status
        super().__init__(reason)


class TaskVineManagerFailure(ParslError):
    """The manager of TaskVine has failed."""


class TaskVineFactoryFailure(ParslError):
    """The factory of TaskVine's workers has failed."""
