"""The records thread: takes what happened from every other thread, gives it to the sinks in batches.

    any thread            "parsl-like-records"
    put(list) -> inbox -> take everything, linger a little so that a batch gathers
                          bare tuples -> records, in slices, so that nobody waits long for the interpreter
                          each sink: write(records); one that raised keeps its records and is tried again

Nothing is dropped on the way as long as sinks get on: when they fall behind by ``limit`` records, ``put`` makes its
caller wait a little, which slows the run, and says so once. When they do not get on at all meanwhile (a disk that hangs
or is full), nobody waits for them any more: what does not fit is dropped and counted until they do. A sink that goes on
failing is left out, and its losses are counted.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from parsl_like.core.records import Record, task_record
from parsl_like.core.states import States
from parsl_like.monitoring.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsl_like.core.ports import MonitoringSink

logger = logging.getLogger(__name__)

THREAD_NAME = "parsl-like-records"
SLICE, SMALL_SLICE = 1000, 64
"""Records made and written at a stretch, and when there are few. Each write lets other threads have the interpreter, so
that the kernel's owner waits about a millisecond for it in a crowd, and a tenth of that where every task counts."""


class Recorder:
    """Owns the sinks of a run, and the thread that writes to them.

    Guarantees: every record put before ``close`` reaches every sink, in the order of the calls of each thread, unless
    the sink failed for good or got nowhere while ``limit`` records waited, which is warned about and counted; no error
    of a sink reaches anybody else; ``put`` never waits longer than ``patience``, and not again for sinks that get
    nowhere.

    Args:
        sinks: Where records go. They are called by the thread only, and closed by it.
        limit: Records that may wait before ``put`` makes its caller wait.
        linger: Seconds the thread waits for more after the first record of a batch has come.
        patience: Seconds one ``put`` waits at most.
    """

    def __init__(
        self,
        sinks: Sequence[MonitoringSink],
        *,
        limit: int = 20_000,
        linger: float = 0.05,
        patience: float = 0.5,
    ) -> None:
        self._lanes = [Lane(sink) for sink in sinks]
        self._limit, self._linger, self._patience = limit, linger, patience
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        lock = threading.RLock()  # an exception's text, made on the thread, may itself be the cause of a record
        self._news = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._inbox: list[Sequence[Any]] = []
        self._accepted = self._finished = self._handled = self._late = self._dropped = self._untold = 0
        self._asleep = self._urgent = self._closing = self._ended = self._slowed = self._stalled = False

    def start(self) -> None:
        """Start the thread; records may have been put before."""
        self._thread.start()

    def put(self, items: Sequence[Record | tuple[float, int, int, int, Any]]) -> None:
        """Hand over records, or bare tuples of the task machine, from any thread.

        Args:
            items: They belong to the recorder from now on.
        """
        if not items:
            return
        with self._news:
            if self._ended:
                self._too_late(len(items))
                return
            if self._stalled and self._accepted - self._handled >= self._limit:
                self._dropped += len(items)
                self._untold += len(items)
                return
            self._inbox.append(items)
            self._accepted += len(items)
            if self._asleep:
                self._asleep = False
                self._news.notify()
            crowded = self._accepted - self._handled > self._limit
        if crowded:
            self._make_room()

    def record(self, record: Record) -> None:
        """Hand over one record, from any thread."""
        self.put((record,))

    def flush(self, timeout: float) -> bool:
        """Have everything written that was put so far.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether every sink that works has it.
        """
        with self._room:
            wanted = self._accepted
            self._hurry()
            return self._room.wait_for(lambda: self._handled >= wanted or self._ended, timeout)

    def close(self, deadline: float) -> bool:
        """Write everything, close the sinks and end the thread.

        Args:
            deadline: Monotonic seconds when to stop waiting. What is unwritten then is warned about; the thread goes
                on by itself, and does not keep the program from ending.

        Returns:
            Whether everything was done in time.
        """
        with self._news:
            first, self._closing = not self._closing, True
            self._hurry()
        if self._thread.ident is None:
            self._thread.start()
        if threading.current_thread() is not self._thread:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        if first and self._thread.is_alive():
            left = self._accepted - self._handled
            names = ", ".join(lane.name for lane in self._lanes)
            logger.warning("%d records are still unwritten at the end of the run; a sink is slow (%s)", left, names)
        return not self._thread.is_alive()

    def status(self) -> dict[str, Any]:
        """How the thread and the sinks do: records waiting, written, dropped, and what each sink has lost."""
        return {
            "waiting": self._accepted - self._handled,
            "written": self._handled,
            "dropped": self._dropped,
            "stalled": self._stalled,
            "sinks": [lane.status() for lane in self._lanes],
        }

    # --- seen from other threads

    def _hurry(self) -> None:
        self._urgent, self._asleep = True, False
        self._news.notify()

    def _make_room(self) -> None:
        if threading.current_thread() is self._thread:
            return  # waiting for itself would help nobody
        with self._room:
            self._hurry()
            before = self._handled
            fits = self._room.wait_for(
                lambda: self._accepted - self._handled <= self._limit or self._ended or self._stalled, self._patience
            )
            if fits:
                return
            self._stalled = self._handled == before
            if self._stalled:
                self._room.notify_all()  # those who wait for the same need not find it out by themselves
            first, self._slowed = not self._slowed, True
        if first:
            slowest = ", ".join(lane.name for lane in self._lanes)
            what = "further ones are dropped until some are" if self._stalled else "the run is slowed until they are"
            text = f"More than {self._limit} records wait to be written ({slowest}); {what}."
            logger.warning(text)
            self._insist([Record("warning", time.time(), "records", {"message": text})])

    def _insist(self, items: Sequence[Record]) -> None:
        """Put what may not be dropped: a word about what was."""
        with self._news:
            self._inbox.append(items)
            self._accepted += len(items)
            self._hurry()

    def _too_late(self, count: int) -> None:
        if not self._late:
            logger.warning("Records that come after the end of their run are not kept")
        self._late += count

    # --- the thread

    def _run(self) -> None:
        try:
            while self._cycle():
                pass
        except BaseException:  # the thread's root: the run goes on, unrecorded
            logger.exception("The records thread failed; this run is not recorded any further")
        finally:
            with self._room:
                self._ended = True
            for lane in self._lanes:
                lane.close()
            with self._room:
                self._room.notify_all()

    def _cycle(self) -> bool:
        """Write what has come; False after the last."""
        batches, last = self._take()
        for items in slices(batches):
            records, now = records_of(items), time.monotonic()
            for lane in self._lanes:
                lane.write(records, now=now)
            self._taken(len(items))
        for lane in self._lanes:
            lane.write([], now=time.monotonic(), at_once=last)
        self._taken(0)
        with self._news:
            self._ended = last and not self._inbox
            return not self._ended

    def _take(self) -> tuple[list[Sequence[Any]], bool]:
        with self._news:
            if not self._inbox and not self._urgent:
                self._asleep = True
                now = time.monotonic()
                self._news.wait(min((p for lane in self._lanes if (p := lane.pause(now)) is not None), default=None))
                self._asleep = False
            if not self._urgent:
                self._news.wait(self._linger)
            batches, self._urgent = self._inbox.copy(), False
            self._inbox.clear()
            return batches, self._closing

    def _taken(self, count: int) -> None:
        with self._room:
            self._finished += count
            handled = self._finished - max((len(lane.kept) for lane in self._lanes), default=0)
            if handled > self._handled:
                self._stalled = False
                self._tell_of_gap()
            self._handled = handled
            self._room.notify_all()

    def _tell_of_gap(self) -> None:
        """The sinks get on again; between what they have and what comes some is missing."""
        if self._untold:
            text = f"{self._untold} records were dropped, because nothing could be written for a while."
            self._untold = 0
            logger.warning(text)
            self._insist([Record("warning", time.time(), "records", {"message": text})])


def slices(batches: Sequence[Sequence[Any]]) -> Iterator[list[Any]]:
    """Everything in the batches, in its order, in slices that are about equally long."""
    length = max(SMALL_SLICE, min(SLICE, sum(map(len, batches)) // 8))
    collected: list[Any] = []
    for batch in batches:
        collected += batch
        if len(collected) < length:
            continue
        whole = len(collected) - len(collected) % length
        for start in range(0, whole, length):
            yield collected[start : start + length]
        del collected[:whole]
    if collected:
        yield collected


def records_of(items: Sequence[Any]) -> list[Record]:
    """Records for whatever was put; bare tuples are converted, and nothing in them can raise."""
    made: list[Record] = []
    for item in items:
        if type(item) is Record:
            made.append(item)
            continue
        try:
            made.append(task_record(item))
        except BaseException as error:  # noqa: BLE001 - the text of a user's exception is made by the user's code
            made.append(_unsayable(item, error))
    return made


def _unsayable(item: Any, error: BaseException) -> Record:
    """The record of a change of state whose detail cannot be put into words."""
    why = type(error).__name__
    try:
        moment, task, number, state, detail = item
        text = f"{type(detail).__name__}: its text cannot be made ({why})"
        return Record("state", moment, task, {"state": States(state).name, "try": number, "reason": text})
    except (TypeError, ValueError):
        text = f"the records thread was given a {type(item).__name__} that is no record ({why})"
        return Record("warning", time.time(), "records", {"message": text})
