"""A memoizer of the program's own, asked about every task and told how each one ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.dataflow.taskview import TaskView

if TYPE_CHECKING:
    from parsl_like.core.events import Acknowledge
    from parsl_like.core.task import TaskRow

logger = logging.getLogger(__name__)

UNNAMED = ""
"""The key of a task for which the memoizer has set no ``hashsum``: it is told of its end all the same."""


class MemoizedTask(TaskView):
    """What a memoizer sees of a task; it may note the ``hashsum`` that it has computed, and nothing else."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Note the hashsum.

        Raises:
            TypeError: for every other key.
        """
        if key != "hashsum" or self._row is None:
            raise TypeError(f"a memoizer may set 'hashsum' of a task, not {key!r}")
        self._row.key = value


class ProgramMemo:
    """The seam of memoization (``core.ports.Memo``) over an object with the methods of Parsl's ``Memoizer``.

    It is asked, and told of ends, on the thread "parsl-like-prepare", one at a time. What ``check_memo`` raises ends
    the task; what is raised when it is told of an end is logged. Methods that the object does not have are not called.

    Args:
        memoizer: The program's object.
    """

    asks_about_all = True
    remembers_first = False
    wants_notes = False

    def __init__(self, memoizer: Any) -> None:
        self._memoizer = memoizer
        self.when_asked: Callable[[], None] | None = None
        self._answer: Future[Any] | None = None

    def start(self, run_dir: str, config_run_dir: str) -> None:
        """Let the object begin.

        Raises:
            Exception: what it raises.
        """
        if hasattr(self._memoizer, "start"):
            self._memoizer.start(run_dir=run_dir, config_run_dir=config_run_dir)

    def key(self, task: Mapping[str, Any]) -> str | None:
        """Ask about a task; the hashsum that the object has set is its key.

        Raises:
            TypeError: the answer is neither None nor a future.
            Exception: what the object raised.
        """
        row: TaskRow = task._row  # type: ignore[attr-defined]  # tasks are shown by views
        answer = self._memoizer.check_memo(MemoizedTask(row, row.future))
        if answer is not None and not isinstance(answer, Future):
            raise TypeError(f"check_memo of {self._memoizer!r} returned {answer!r}; expected None or a Future")
        self._answer = answer
        return row.key or UNNAMED

    def lookup(self, key: str) -> tuple[bool, Any]:
        """The answer to the last question: a future, if the task's end is remembered."""
        answer, self._answer = self._answer, None
        return answer is not None, answer

    def attach(self, key: str, task: int) -> int | None:
        """Whether an equal call is in flight, only the object knows."""
        return None

    def release(self, key: str, task: int) -> None:
        """Whether others wait for it, only the object knows."""

    def remember(self, key: str, value: Any, acknowledge: Callable[[], None]) -> None:
        """Acknowledged at once: results reach the object with their tasks, through ``told``."""
        acknowledge()

    def remember_all(self, keys: list[str], values: list[Any], tasks: list[int], acknowledge: Acknowledge) -> None:
        """Acknowledged at once, as one by one."""
        for key, value, task in zip(keys, values, tasks, strict=True):
            self.remember(key, value, partial(acknowledge, [task]))

    def told(self, items: Sequence[tuple[TaskRow, str, Any]]) -> None:
        """Tell the object of tasks that have ended well."""
        for row, _, value in items:
            self._tell("update_memo_result", row, value)

    def told_failures(self, rows: Sequence[TaskRow]) -> tuple[()]:
        """Tell the object of tasks that have failed for good."""
        for row in rows:
            self._tell("update_memo_exception", row, row.value)
        return ()

    def checkpoint(self, tasks: Sequence[int] | None = None) -> str | None:
        """Have the object write what it remembers."""
        if hasattr(self._memoizer, "checkpoint"):
            if self.when_asked is not None:
                self.when_asked()
            self._memoizer.checkpoint()
        return None

    def catch_up(self, timeout: float) -> None:
        """When it writes is the object's own affair."""

    def close(self, patience: float = 0.0) -> None:
        """Let the object end, however long that takes."""
        try:
            if hasattr(self._memoizer, "close"):
                self._memoizer.close()
        except Exception:  # the program's own object; what else has to be closed must be closed
            logger.exception("close of %r raised", self._memoizer)

    def _tell(self, method: str, row: TaskRow, end: Any) -> None:
        tell = getattr(self._memoizer, method, None)
        if tell is None:
            return
        try:
            tell(MemoizedTask(row, row.future), end)
        except Exception:  # the program's own object; the task has its end in any case
            logger.exception("%s of %r raised on task %d", method, self._memoizer, row.id, extra={"task": int(row.id)})
