"""Failed tries in the log: each with its traceback, many of one kind in short."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from parsl_like.core.states import States
from parsl_like.dataflow.errors import KernelClosed

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow

logger = logging.getLogger(__name__)

IN_FULL = 50
"""How many failures of one type are logged with their traceback; later ones get a line, those tried again share one."""

Failure = tuple[int, str, int, int, BaseException, TracebackType | None]
"""Task, app, try, state, error, and its traceback as it was when it came."""

_FAILURES = frozenset({int(States.fail_retryable), int(States.failed)})


class FailureLog:
    """Writes failed tries to the log, on a thread where users' ``__str__`` may run.

    Args:
        rows: Tasks that have not ended, by number.
    """

    def __init__(self, rows: Mapping[int, TaskRow]) -> None:
        self._seen: Counter[str] = Counter()
        self._rows = rows
        self._ended: dict[int, str] = {}

    def ended(self, rows: Sequence[TaskRow]) -> None:
        """Keep the names of tasks that have failed for good until their change of state comes, which is next."""
        self._ended = {row.id: row.app.name for row in rows}

    def note(self, raw: Sequence[tuple[float, int, int, int, Any]], put: Callable[[Any], None]) -> None:
        """Pick the failures out of a batch of state changes and have them logged by ``put``.

        What was cancelled because the kernel is closed is said once, by whoever closes it.
        """
        failed = [
            # Its traceback as it is now: whoever asks for the result adds to it.
            (task, self._app(task), number, state, error, error.__traceback__)
            for _, task, number, state, error in raw
            if state in _FAILURES and isinstance(error, BaseException) and not isinstance(error, KernelClosed)
        ]
        if failed:
            self._ended = {}
            put(partial(self._write_all, failed))

    def _app(self, task: int) -> str:
        """The name of a task's app, "?" if nobody knows it any more."""
        row = self._rows.get(task)
        return self._ended.get(task, "?") if row is None else row.app.name

    def _write_all(self, failed: Sequence[Failure]) -> tuple[()]:
        again: dict[str, list[tuple[int, str]]] = {}
        for failure in failed:
            task, app, _, state, error, _ = failure
            kind = type(error).__name__
            if state == States.fail_retryable and self._seen[kind] >= IN_FULL:
                again.setdefault(kind, []).append((task, app))
            else:
                self.write(*failure)
        for kind, tasks in again.items():  # a place that is lost takes thousands along
            self._seen[kind] += len(tasks)
            first, last = min(tasks), max(tasks)
            which = f"{len(tasks)} tasks from {_named(*first)} to {_named(*last)}" if first != last else _named(*first)
            logger.warning("%s will be tried again: %s again", which, kind)
        return ()

    def write(
        self, task: int, app: str, number: int, state: int, error: BaseException, trace: TracebackType | None
    ) -> None:
        """Log one failed try."""
        kind = type(error).__name__
        self._seen[kind] += 1
        fate = "will be tried again" if state == States.fail_retryable else "failed"
        if self._seen[kind] <= IN_FULL:
            text = "".join(traceback.format_exception(type(error), error, trace))
            logger.warning("%s %s after try %d: %s", _named(task, app), fate, number, text, extra={"task": task})
        else:
            logger.warning("%s %s after try %d: %s again", _named(task, app), fate, number, kind, extra={"task": task})


def _named(task: int, app: str) -> str:
    return f"task {task} ({app})"
