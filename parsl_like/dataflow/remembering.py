"""What a kernel tells its memory: results, calls that will have none, failures; always on the prepare thread.

Turning results into bytes may run code of the user's, and a memory of the program's own is such code.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from parsl_like.core.events import EventType
from parsl_like.core.records import Record
from parsl_like.dataflow.memoization import BasicMemoizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.core.ids import TaskId
    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.dflow import DataFlowKernel

logger = logging.getLogger(__name__)

ON_THEIR_WAY_SECONDS: Final = 60.0
"""How long a checkpoint waits for results that are on their way to it."""

LAST_SECONDS: Final = 20.0
"""How long the memory may take to end."""

LOOK_SECONDS: Final = 0.2
"""How often who waits looks whether there is still somebody to wait for."""

_REMEMBERED = int(EventType.REMEMBERED)


class Remembering:
    """Carries what the machine wants remembered to the memory.

    Args:
        kernel: Whose memory it is.
    """

    def __init__(self, kernel: DataFlowKernel) -> None:
        self._kernel = kernel
        self._results: deque[Sequence[tuple[TaskRow, str, Any]]] = deque()
        self._told = False
        self._closed = False

    # --- on the owner thread ---------------------------------------------------------------------------------------

    def remember(self, items: Sequence[tuple[TaskRow, str, Any]]) -> None:
        """Leave results to the prepare thread, which takes all there are at once: many together cost less."""
        self._results.append(items)
        if not self._told:
            self._told = True
            self._kernel._prepare.put(self._remember)

    def release(self, items: list[tuple[TaskId, str]]) -> None:
        """Let equal calls run that come from now on."""
        self._kernel._prepare.put(partial(self._release, items))

    def failed(self, rows: list[TaskRow]) -> None:
        """Note the keys of calls that have failed for good; a memory of the program's own is told of every one."""
        kernel = self._kernel
        if kernel._preparation.asks_about_all:
            kernel._prepare.put(partial(kernel._memo.told_failures, rows))
            return
        if keyed := [row for row in rows if row.key is not None]:
            kernel._prepare.put(partial(self._note_all, keyed))

    # --- on any thread ---------------------------------------------------------------------------------------------

    def catch_up(self, timeout: float = ON_THEIR_WAY_SECONDS) -> None:
        """Wait, so many seconds at most, until the memory has been told of every task that has ended so far."""
        kernel, told = self._kernel, threading.Event()
        with suppress(TimeoutError):  # the owner thread has ended, and has said what it had to say
            kernel._loop.call(lambda: None)
        if kernel._prepare.is_current():
            return
        kernel._prepare.put(partial(_marked, told))
        give_up = time.monotonic() + timeout
        while kernel._prepare.lives and not told.wait(min(LOOK_SECONDS, max(0.0, give_up - time.monotonic()))):
            if time.monotonic() >= give_up:
                return

    def note(self, row: TaskRow, why: str) -> None:
        """Have the key of a call among the records, for whoever asks later why it ran.

        Args:
            row: The call's.
            why: Why it runs whatever is remembered; empty if there is no such reason.
        """
        from parsl_like.memo.history import memo_fields  # only for calls that are remembered

        parts = getattr(row.key, "parts", ())
        if parts or why:
            kernel = self._kernel
            fields = memo_fields(str(row.key), parts, why)
            kernel.recorder.record(Record("memo", kernel._clock.wall(), row.id, fields))

    def close(self, patience: float = LAST_SECONDS) -> None:
        """Have the memory write what is left, for so many seconds at most, and end; once."""
        if self._closed:
            return
        self._closed = True
        kernel = self._kernel
        kernel._memo.close(patience)
        if isinstance(kernel.memoizer, BasicMemoizer):
            kernel.memoizer._forget(kernel._memo)

    def acknowledged(self, tasks: Sequence[int]) -> None:
        """Let tasks end whose results are as safe as was promised."""
        self._kernel._loop.post_news([(_REMEMBERED, task, None) for task in tasks])

    # --- on the prepare thread -------------------------------------------------------------------------------------

    def _remember(self) -> tuple[()]:
        self._told = False  # first: what comes from now on is told of anew
        items: list[tuple[TaskRow, str, Any]] = []
        for _ in range(len(self._results)):
            items += self._results.popleft()
        if not items:
            return ()
        kernel = self._kernel
        if kernel._preparation.asks_about_all:
            kernel._memo.told(items)
            return ()
        acknowledge = self.acknowledged if kernel.machine.remember_first else _unheard
        tasks = [row.attempt_id >> 16 for row, _, _ in items]
        try:
            kernel._memo.remember_all(
                [key for _, key, _ in items], [value for _, _, value in items], tasks, acknowledge
            )
        except Exception:  # a value's own code, or a disk: the tasks have their results in any case
            logger.exception("results of %d task(s) cannot be remembered", len(items))
            acknowledge(tasks)
        return ()

    def _note_all(self, rows: Sequence[TaskRow]) -> tuple[()]:
        for row in rows:
            self.note(row, "")
        return ()

    def _release(self, items: list[tuple[TaskId, str]]) -> tuple[()]:
        for task, key in items:
            self._kernel._memo.release(key, task)
        return ()


def _unheard(_tasks: Sequence[int]) -> None:
    """Nobody waits for results to be safe."""


def _marked(told: threading.Event) -> tuple[()]:
    told.set()
    return ()
