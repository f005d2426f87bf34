"""Errors of apps, at Parsl's path, and the wrapper in which Parsl carries remote exceptions."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

from parsl_like.errors import (
    AppBadFormatting,
    AppException,
    AppTimeout,
    BadStdStreamFile,
    BashAppNoReturn,
    BashExitFailure,
    MissingOutputs,
    NotFutureError,
    ParslError,
    RemoteError,
    TaskExit,
)

__all__ = [
    "AppBadFormatting",
    "AppException",
    "AppTimeout",
    "BadStdStreamFile",
    "BashAppNoReturn",
    "BashExitFailure",
    "MissingOutputs",
    "NotFutureError",
    "ParslError",
    "RemoteError",
    "RemoteExceptionWrapper",
    "TaskExit",
]


class RemoteExceptionWrapper:
    """An exception with its traceback, to be raised again elsewhere.

    Args:
        e_type: The exception's class.
        e_value: The exception.
        traceback: Its traceback, None if it has none.
    """

    def __init__(
        self, e_type: type[BaseException], e_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.e_type, self.e_value, self.e_traceback = e_type, e_value, traceback

    def get_exception(self) -> BaseException:
        """The exception, its traceback in place."""
        value = self.e_value if self.e_value is not None else self.e_type()
        return value.with_traceback(self.e_traceback)

    def reraise(self) -> NoReturn:
        """Raise it."""
        raise self.get_exception()
