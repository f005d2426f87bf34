"""Errors of the dataflow layer."""

from __future__ import annotations

from collections.abc import Iterable

from parsl_like.errors import ConfigurationError as ConfigurationError  # noqa: PLC0414 - older programs look for it here
from parsl_like.errors import ParslError

ROOTS_SHOWN = 5
"""How many root causes a message names; the rest is counted."""


class DataFlowException(ParslError):
    """The base of what goes wrong between tasks."""


class BadCheckpoint(DataFlowException):
    """A checkpoint cannot be loaded."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class DuplicateTaskError(DataFlowException):
    """Two tasks have one number; never raised, since numbers are counted (Parsl 1.2's name)."""


class TaskCancelled(DataFlowException):
    """A task was cancelled; its dependents are told with this."""

    def __init__(self, task_id: int, app_name: str) -> None:
        self.task_id, self.app_name = task_id, app_name
        super().__init__(f"task {task_id} ({app_name}) was cancelled.")


class KernelClosed(DataFlowException):
    """The kernel was closed before the task could end."""


class PropagatedException(DataFlowException):
    """A task fails because others did. It names the tasks where the trouble began, however far away they are.

    Args:
        dependent_exceptions_tids: Pairs (exception, name of its task) of what this task needed and did not get.
        task_id: The task.
        failure_description: What sort of failure, in words.

    Attributes:
        dependent_exceptions_tids: Pairs (exception, name of its task) of the *root* failures: those of a needed
            task that itself failed because of others are given in its place, so that depth costs nothing.
    """

    def __init__(
        self,
        dependent_exceptions_tids: Iterable[tuple[BaseException, str]],
        task_id: int,
        *,
        failure_description: str,
    ) -> None:
        self.dependent_exceptions_tids = _roots(list(dependent_exceptions_tids))
        self.task_id = task_id
        self.failure_description = failure_description
        super().__init__(failure_description, task_id)
        if self.dependent_exceptions_tids:
            self.__cause__ = self.dependent_exceptions_tids[0][0]

    def __str__(self) -> str:
        # Made when it is asked for: the text of users' exceptions is the work of users' code.
        shown = "; ".join(f"{name} failed with {brief(e)}" for e, name in self.dependent_exceptions_tids[:ROOTS_SHOWN])
        more = len(self.dependent_exceptions_tids) - ROOTS_SHOWN
        return f"{self.failure_description} for task {self.task_id}: {shown}{f'; and {more} more' if more > 0 else ''}."


class DependencyError(PropagatedException):
    """A task never ran, because something it depends on failed."""

    def __init__(self, dependent_exceptions_tids: Iterable[tuple[BaseException, str]], task_id: int) -> None:
        super().__init__(dependent_exceptions_tids, task_id, failure_description="Dependency failure")


class JoinError(PropagatedException):
    """A join app's inner tasks failed."""

    def __init__(self, dependent_exceptions_tids: Iterable[tuple[BaseException, str]], task_id: int) -> None:
        super().__init__(dependent_exceptions_tids, task_id, failure_description="Join failure")


def _roots(failed: list[tuple[BaseException, str]]) -> list[tuple[BaseException, str]]:
    """The failures that began it, each once; where there is one way back, as in a chain, the very list found there."""
    if len(failed) == 1 and isinstance(failed[0][0], PropagatedException):
        return failed[0][0].dependent_exceptions_tids
    roots: dict[tuple[int, str], tuple[BaseException, str]] = {}
    for error, name in failed:
        inner = error.dependent_exceptions_tids if isinstance(error, PropagatedException) else [(error, name)]
        for root in inner:
            roots.setdefault((id(root[0]), root[1]), root)
    return list(roots.values())


def brief(error: BaseException) -> str:
    """An exception in one line: its type, and the first line of its text as far as that can be had."""
    try:
        text = str(error)
    except BaseException as complaint:  # noqa: BLE001 - a user's __str__ may raise; the name of its type still helps
        text = f"<its text cannot be shown: {type(complaint).__name__}>"
    first = text.split("\n", 1)[0]
    return f"{type(error).__name__}: {first[:300]}"
