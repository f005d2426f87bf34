"""The thread that writes results to a checkpoint, so that a slow disk holds up nobody who has one."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ParslError
from parsl_like.folders import private_folder
from parsl_like.journal.log import LogWriter
from parsl_like.memo.batches import Batch
from parsl_like.memo.entries import RESULTS
from parsl_like.memo.index import checkpoint_path, described
from parsl_like.memo.items import ADDED, HOPELESS, TOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsl_like.journal.frames import Draft
    from parsl_like.memo.items import Item

logger = logging.getLogger(__name__)

THREAD_NAME: Final = "parsl-like-checkpoint"
SYNC_SECONDS: Final = 5.0
"""What is written is on the disk this much later, if nobody asks for it before."""
RETRY_SECONDS: Final = 5.0
"""How long after it could not write it tries again, if nobody asks for it before."""
FLOOD_SECONDS: Final = 0.0002
"""If something comes so soon after the last batch, more will: to be woken for each costs more than to write it."""
GATHER_SECONDS: Final = 0.002
"""How long is then waited for more."""
MOST_AT_ONCE: Final = 4096


class CheckpointWriter:
    """Writes items in the order in which they come; any thread may hand them over, and none waits.

    What cannot be written is tried again now and then, and costs one warning. The thread begins with the first item.

    Args:
        folder: Where the file goes; made, with the file, when there is something to write.
        durable: Whether every batch is on the disk, as far as the system can say, before it counts as written.
        written: Told on the writer's thread of what was written: the file's path, the items, and where each begins.
        itemized: Gives the results of a batch one by one, because it cannot be written as a whole.
        settled: Told on the writer's thread, once for each item for which somebody waits, of items whose writing was
            tried: the items, and whether it was done.
        warn: Told, once, what is wrong.
    """

    def __init__(
        self,
        folder: str,
        *,
        durable: bool,
        written: Callable[[str, Sequence[Item] | Batch, Sequence[int]], None],
        itemized: Callable[[Batch], list[Item]],
        settled: Callable[[list[Item], bool], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._folder, self._durable = folder, durable
        self._written, self._itemized, self._settled, self._warn = written, itemized, settled, warn
        self._changed = threading.Condition()
        self._queue: list[Item | Batch] = []
        self._kept: list[Item] = []  # tried without success; for the thread alone
        self._added = self._tried = self._sync_tried = self._synced = self._rounds = 0
        self._wants_sync = self._wants_round = self._sleeping = self._closing = False
        self._thread: threading.Thread | None = None
        self._log: LogWriter | None = None
        self._number = 0
        self._sync_at = self._retry_at = self._worked = 0.0
        self.unwritten = 0

    # --- for everybody -------------------------------------------------------------------------------------------

    def add(self, items: Sequence[Item | Batch]) -> bool:
        """Have items written; False if that cannot even be begun."""
        with self._changed:
            if self._closing:
                return False
            self._queue.extend(items)
            self._added += len(items)
            if self._thread is None and not self._begin():
                return False
            if self._sleeping:
                self._changed.notify_all()
            return True

    def _begin(self) -> bool:
        thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter is ending
            self._queue.clear()
            self._warn("thread", f"no thread can be started: {error}")
            return False
        self._thread = thread
        return True

    def flush(self, *, durable: bool, timeout: float | None) -> bool:
        """Wait until what has been added so far is written.

        Args:
            durable: Whether it has to be on the disk, too.
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            Whether all of it is.
        """
        with self._changed:
            if self._thread is None:
                return not self._added
            goal, round_ = self._added, self._rounds + 1
            self._wants_round = True
            self._wants_sync = self._wants_sync or (durable and self._synced < goal)
            self._changed.notify_all()

            def is_done() -> bool:
                tried = self._tried >= goal and self._rounds >= round_
                return not self._thread_lives() or (tried and (not durable or self._sync_tried >= goal))

            in_time = self._changed.wait_for(is_done, timeout)
            return in_time and not self.unwritten and (not durable or self._synced >= goal)

    def close(self, timeout: float) -> bool:
        """Write what is left, sync, and release the file; False if that takes longer than so many seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _thread_lives(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait():
            self._work()
        with suppress(OSError):
            if self._log is not None:
                self._log.close()

    def _wait(self) -> bool:
        """Sleep until there is something to do; False at the end."""
        with self._changed:
            while not self._has_work():
                if self._closing:
                    return False
                self._sleeping = True
                self._changed.wait(self._patience())
                self._sleeping = False
        if time.monotonic() - self._worked < FLOOD_SECONDS:
            time.sleep(GATHER_SECONDS)
        return True

    def _has_work(self) -> bool:
        now = time.monotonic()
        return bool(
            self._queue
            or self._wants_round
            or self._wants_sync
            or (self._sync_at and (now >= self._sync_at or self._closing))
            or (self._kept and now >= self._retry_at and not self._closing)
        )

    def _patience(self) -> float | None:
        times = [at for at in (self._sync_at, self._retry_at if self._kept else 0.0) if at]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _work(self) -> None:
        with self._changed:
            fresh, self._queue = self._queue, []
            asked, self._wants_round = self._wants_round, False
            wants_sync, self._wants_sync = self._wants_sync or self._closing, False
            goal = self._added
        retry = asked or self._closing or time.monotonic() >= self._retry_at
        work = [*self._kept, *fresh] if retry else fresh
        rest = [] if retry else self._kept
        synced: bool | None = False
        try:
            self._kept = [*rest, *self._write(work)]
            synced = self._sync_if_due(wants_sync)
        except Exception as error:  # the thread's root: what goes wrong here must not keep anybody waiting
            logger.exception("the checkpoint in %s could not be written", self._folder)
            self._kept = rest
            self._warn("defect", f"it could not be written: {error!r}")
            self._tell(self._items_of(work), ok=False)
        with self._changed:
            self.unwritten = len(self._kept)
            self._count(goal, synced=synced)
        self._worked = time.monotonic()

    def _count(self, goal: int, *, synced: bool | None) -> None:
        self._tried = max(self._tried, goal)
        self._rounds += 1
        if synced is not None:
            self._sync_tried = goal
        if synced or (synced is None and self._durable and not self.unwritten):
            self._synced = self._sync_tried = goal
        self._changed.notify_all()

    def _write(self, work: Sequence[Item | Batch]) -> list[Item]:
        """Write what there is, in its order, and give what is to be tried again."""
        failed: list[Item] = []
        for kind, run in groupby(work, type):
            for some in _in_portions(list(run)):
                if failed:  # the disk has not become better since
                    failed.extend(self._items_of(some))
                else:
                    failed.extend(self._write_batches(some) if kind is Batch else self._write_items(some))
        if failed:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._tell(failed, ok=False)
        return failed

    def _items_of(self, work: Sequence[Any]) -> list[Item]:
        """What there is, one by one; those who wait for batches are told that they could not be written."""
        items: list[Item] = []
        for each in work:
            if type(each) is Batch:
                items += self._itemized(each)
                each.settle(ok=False)
            else:
                items.append(each)
        return items

    def _write_batches(self, batches: Sequence[Batch]) -> list[Item]:
        try:
            log = self._opened()
            seed = log.opening.seed
            offsets = iter(log.append_encoded([record for batch in batches for record in batch.records(seed)]))
            if self._durable:
                log.sync()
        except ValueError:  # one of them cannot be said, which is no reason not to say the others
            return self._write_items(self._items_of(batches))
        except (OSError, ParslError) as error:
            self._lose(error)
            return self._items_of(batches)
        self._wants_to_sync_soon()
        for batch in batches:
            self._written(log.path, batch, list(islice(offsets, len(batch))))
            batch.settle(ok=True)
        return []

    def _opened(self) -> LogWriter:
        if self._log is None:
            self._log = self._created()
        return self._log

    def _wants_to_sync_soon(self) -> None:
        if not self._durable and not self._sync_at:
            self._sync_at = time.monotonic() + SYNC_SECONDS

    def _write_items(self, batch: list[Item]) -> list[Item]:
        ready, drafts = self._drafted(batch)
        if not ready:
            return []
        try:
            log = self._opened()
            offsets = log.append(drafts)
            if self._durable:
                log.sync()
        except (OSError, ParslError, ValueError) as error:
            self._lose(error)
            return ready
        self._wants_to_sync_soon()
        self._written(log.path, ready, offsets)
        self._tell(ready, ok=True)
        return []

    def _drafted(self, batch: list[Item]) -> tuple[list[Item], list[Draft]]:
        """Items with their records; without those that nobody can write."""
        ready: list[Item] = []
        drafts: list[Draft] = []
        for item in batch:
            try:
                if item.state != HOPELESS:
                    drafts.append(item.draft())
                    ready.append(item)
            except (ParslError, OSError, ValueError) as error:  # what is to be copied cannot be read any more
                item.state = HOPELESS
                logger.debug("%s is not copied to the checkpoint: %s", item.text, error)
        if len(ready) < len(batch):
            self._tell([item for item in batch if item.state == HOPELESS], ok=False)
        return ready, drafts

    def _created(self) -> LogWriter:
        private_folder(self._folder)
        while True:
            path = checkpoint_path(self._folder, self._number)
            try:
                return LogWriter(path, RESULTS)
            except FileExistsError:  # another program's, or an earlier one's
                self._number += 1

    def _sync_if_due(self, asked: bool) -> bool | None:
        """Whether what is written is on the disk; None if nobody wanted to know."""
        due = self._sync_at and time.monotonic() >= self._sync_at
        if self._log is None or not self._sync_at:
            return True if asked and not self._kept else (False if asked else None)
        if not asked and not due:
            return None
        self._sync_at = 0.0
        try:
            self._log.sync()
        except OSError as error:
            self._lose(error)
            return False
        return True

    def _lose(self, error: Exception) -> None:
        """Say what is wrong; a file that somebody has removed is begun anew."""
        self._warn("write", f"it cannot be written: {described(error)}")
        if isinstance(error, FileNotFoundError) and self._log is not None:
            with suppress(OSError):
                self._log.close()
            self._log = None
            self._number += 1

    def _tell(self, items: Sequence[Item], *, ok: bool) -> None:
        told = []
        for item in items:
            if item.state == ADDED or (item.state == HOPELESS and item.source is None):
                item.state = TOLD
                told.append(item)
        if told:
            self._settled(told, ok)


def _in_portions(work: Sequence[Any]) -> Iterator[list[Any]]:
    """What is to be written, so much at once that many have not to wait for very many."""
    portion: list[Any] = []
    size = 0
    for each in work:
        portion.append(each)
        size += len(each) if type(each) is Batch else 1
        if size >= MOST_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
