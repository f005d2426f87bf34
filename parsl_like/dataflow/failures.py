"""Failed tries in the log: each with its traceback, many of one kind in short."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from parsl_like.core.states import States
from parsl_like.dataflow.errors import KernelClosed

logger = logging.getLogger(__name__)

IN_FULL = 50
"""How many failures of one type are logged with their traceback; later ones get a line, those tried again share one."""

Failure = tuple[int, int, int, BaseException, TracebackType | None]

_FAILURES = frozenset({int(States.fail_retryable), int(States.failed)})


class FailureLog:
    """Writes failed tries to the log, on a thread where users' ``__str__`` may run."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def note(self, raw: Sequence[tuple[float, int, int, int, Any]], put: Callable[[Any], None]) -> None:
        """Pick the failures out of a batch of state changes and have them logged by ``put``.

        What was cancelled because the kernel is closed is said once, by whoever closes it.
        """
        failed = [
            # Its traceback as it is now: whoever asks for the result adds to it.
            (task, number, state, error, error.__traceback__)
            for _, task, number, state, error in raw
            if state in _FAILURES and isinstance(error, BaseException) and not isinstance(error, KernelClosed)
        ]
        if failed:
            put(partial(self._write_all, failed))

    def _write_all(self, failed: Sequence[Failure]) -> tuple[()]:
        again: dict[str, list[int]] = {}
        for failure in failed:
            task, _, state, error, _ = failure
            kind = type(error).__name__
            if state == States.fail_retryable and self._seen[kind] >= IN_FULL:
                again.setdefault(kind, []).append(task)
            else:
                self.write(*failure)
        for kind, tasks in again.items():  # a place that is lost takes thousands along
            self._seen[kind] += len(tasks)
            which = f"task {tasks[0]}" if len(tasks) == 1 else f"{len(tasks)} tasks from {min(tasks)} to {max(tasks)}"
            logger.warning("%s will be tried again: %s again", which, kind)
        return ()

    def write(self, task: int, number: int, state: int, error: BaseException, trace: TracebackType | None) -> None:
        """Log one failed try."""
        kind = type(error).__name__
        self._seen[kind] += 1
        fate = "will be tried again" if state == States.fail_retryable else "failed"
        if self._seen[kind] <= IN_FULL:
            text = "".join(traceback.format_exception(type(error), error, trace))
            logger.warning("task %d %s after try %d: %s", task, fate, number, text, extra={"task": task})
        else:
            logger.warning("task %d %s after try %d: %s again", task, fate, number, kind, extra={"task": task})
