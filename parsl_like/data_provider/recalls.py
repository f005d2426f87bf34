"""Which files of tasks whose results are remembered need not be taken away once more."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import partial
from typing import Any

RECALLED = "memo_done"
"""The state of a task that did not run, since its result was known."""


def is_task(future: Future[Any]) -> bool:
    """Whether it is the future of a task, and not that of a file."""
    # Asked of the class: the futures of apps answer any attribute asked of an instance with one more future.
    return hasattr(type(future), "task_status")


class Recalls:
    """Knows, for each URL, the transfer that takes a file there, and has not come to a good end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Future[Any]] = {}

    def before(self, url: str, task: Future[Any]) -> Future[bool]:
        """Whether a task's file is where its URL says without a transfer; known when the task has ended.

        It is if the task's result was remembered: from an earlier run, which took the file there, or from an equal call
        in this one, whose transfer has come to a good end by then.

        Args:
            url: Where the file goes.
            task: The future of the task that promises it.
        """
        with self._lock:
            other = self._last.get(url)
        there: Future[bool] = Future()
        task.add_done_callback(partial(_ended, there, other))
        return there

    def note(self, url: str, transfer: Future[Any]) -> None:
        """The transfer of a file to a URL has been submitted."""
        with self._lock:
            self._last[url] = transfer
        transfer.add_done_callback(partial(self._forget, url))

    def _forget(self, url: str, transfer: Future[Any]) -> None:
        if transfer.cancelled() or transfer.exception() is not None:
            return  # an equal call has to try for itself
        with self._lock:
            if self._last.get(url) is transfer:
                del self._last[url]


def _ended(there: Future[bool], other: Future[Any] | None, task: Future[Any]) -> None:
    if task.cancelled() or task.exception() is not None or task.task_status() != RECALLED:  # type: ignore[attr-defined]
        there.set_result(False)
    elif other is None:
        there.set_result(True)
    else:
        other.add_done_callback(partial(_sent, there))


def _sent(there: Future[bool], other: Future[Any]) -> None:
    there.set_result(not other.cancelled() and other.exception() is None)
