"""The one thread of a run that talks with Globus Transfer, for all files."""

from __future__ import annotations

import logging
import os
import random
import re
import threading
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from parsl_like.core.records import Record
from parsl_like.data_provider.globus_batch import Batch, Carried, Gathering, Parcel, Tempo, at_fault
from parsl_like.data_provider.globus_link import ACTIVITY, in_words
from parsl_like.errors import StagingError
from parsl_like.remote.transfers.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from parsl_like.data_provider.globus_link import Link, Look, Order

logger = logging.getLogger(__name__)

T = TypeVar("T")

_NO_LABEL = re.compile(r"[^A-Za-z0-9 _.,/-]")
"""What Globus does not take in the label of a task."""


class Poller:
    """Has files moved, those of the same route together, and ends their futures.

    The thread begins with the first order. Nothing that Globus does or leaves undone keeps a future from ending: each
    has a bound, and the end of the thread is the end of all.

    Args:
        link: Makes the requests.
        run: What people know the run by.
        record: Takes records of how far transfers are.
        tempo: How often Globus is bothered.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        link: Link,
        run: str = "",
        record: Callable[[Record], object] | None = None,
        tempo: Tempo = Tempo(),  # noqa: B008 - it is frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link, self._record, self._tempo, self._clock = link, record, tempo, clock
        self._label = _NO_LABEL.sub("_", f"parsl_like {run}").strip()[:100]
        self._condition = threading.Condition()
        self._new: list[Parcel] = []
        self._thread: threading.Thread | None = None
        self._end: float | None = None
        self._gathering = Gathering(tempo)
        self._batches: list[Batch] = []

    def move(self, order: Order) -> Future[Carried]:
        """Have a file moved; the future ends when it is there, with a StagingError if it cannot be.

        Raises:
            StagingError: the run is being closed.
        """
        parcel = Parcel(order, Future(), self._clock())
        with self._condition:
            if self._end is not None:
                raise StagingError(order.url, "the run is being closed")
            self._new.append(parcel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="parsl-like-globus", daemon=True)
                self._thread.start()
            self._condition.notify()
        return parcel.future

    def close(self, deadline: float) -> None:
        """Cancel what is under way, and end every future; a task that cannot be cancelled in time goes on at Globus.

        Args:
            deadline: Monotonic seconds.
        """
        with self._condition:
            self._end = deadline if self._end is None else self._end
            thread = self._thread
            self._condition.notify()
        if thread is not None:
            thread.join(max(0.1, deadline - time.monotonic()))
            self._fail(self._everything(), "the run was closed before it was there")  # if a request hangs

    # --- the thread

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._new and self._end is None and (wait := self._idle()) != 0:
                    self._condition.wait(wait)
                new, self._new = self._new, []
                ends = self._end
            if ends is not None:
                self._fail(new, "the run is being closed")
                self._cancel_everything(ends)
                return
            try:
                self._work(new)
            except Exception as error:  # the root of the thread: whatever it is, nobody may wait for ever
                logger.exception("the thread that talks with Globus met an error of its own")
                self._fail(
                    [*new, *self._everything()], f"an error of parsl_like's own: {type(error).__name__}: {error}"
                )

    def _idle(self) -> float | None:
        """Seconds until something is to be done; None if nothing is."""
        due = [batch.due for batch in self._batches]
        gathered = self._gathering.due() if len(self._batches) < self._tempo.tasks else None
        due += [] if gathered is None else [gathered]
        return max(0.0, min(due) - self._clock()) if due else None

    def _work(self, new: Iterable[Parcel]) -> None:
        for parcel in new:
            if parcel.future.set_running_or_notify_cancel():
                self._gathering.add(parcel, self._clock())
        now = self._clock()
        self._batches += self._gathering.leave(now, self._tempo.tasks - len(self._batches))
        for batch in [batch for batch in self._batches if batch.due <= now]:
            try:
                if batch.task is None:
                    self._submit(batch)
                elif batch.ending:
                    self._give_up(batch, batch.task)
                else:
                    self._look(batch, batch.task)
            except Trouble as trouble:
                self._bear(batch, trouble)

    def _submit(self, batch: Batch) -> None:
        if batch.submission is None:
            batch.submission = self._link.new_id()
        deadline = None
        if batch.route.terms.total is not None:
            deadline = (datetime.now(UTC) + timedelta(seconds=batch.route.terms.total)).isoformat(timespec="seconds")
        orders = [parcel.order for parcel in batch.parcels]
        batch.task = self._link.submit(batch.submission, batch.route, orders, self._label, deadline)
        for parcel in batch.parcels:
            parcel.tries += 1
        batch.begun = batch.news = batch.heard = batch.told = self._clock()
        batch.pause = self._tempo.first_look
        batch.due = batch.begun + batch.pause
        logger.info("Globus task %s moves %d file(s); see %s/%s", batch.task, len(orders), ACTIVITY, batch.task)

    def _look(self, batch: Batch, task: str) -> None:
        look = self._link.look(task)
        now = batch.heard = self._clock()
        new = batch.see(look, now)
        if look.status == "SUCCEEDED":
            self._has_ended(batch, task, look)
            return
        batch.ending = "failed" if look.status == "FAILED" else batch.verdict(now)
        if batch.ending:
            self._give_up(batch, task)
            return
        if new:
            logger.warning("%s", in_words(task, look, (), "has a fault, and goes on"))
        if now - batch.told >= self._tempo.progress:
            self._tell(batch, task, look)
        batch.pause = min(max(batch.pause, self._tempo.first_look) * 1.5, self._tempo.longest_look)
        batch.due = now + batch.pause

    def _bear(self, batch: Batch, trouble: Trouble) -> None:
        """An error that may pass is waited for, as long as a fault would be; any other ends the batch."""
        now = self._clock()
        late = now - batch.heard > batch.route.terms.patience
        if trouble.transient and not late:
            tempo = self._tempo
            batch.pause = min(max(batch.pause, tempo.first_wait / 2) * 2, tempo.longest_wait)
            asked = min(trouble.wait or 0.0, tempo.longest_wait)
            batch.due = now + max(asked, batch.pause * random.uniform(0.75, 1.25))  # noqa: S311 - no secret hangs on it
            logger.warning("Globus: %s; it is asked again in %.1f s", trouble.reason, batch.due - now)
            return
        if batch.task is not None and batch.ending:
            self._give_up(batch, batch.task, patient=False)
            return
        tried = f" (for {now - batch.heard:.0f} s)" if trouble.transient else ""
        where = "" if batch.task is None else f"Globus task {batch.task} is not known to have ended: "
        self._drop(batch)
        if batch.task is not None:
            with suppress(Trouble):
                self._link.cancel(batch.task)
        self._fail(batch.parcels, f"{where}{trouble.reason}{tried}")

    # --- ends

    def _has_ended(self, batch: Batch, task: str, look: Look) -> None:
        left_out = self._link.left_out(task) if look.skipped else {}
        self._drop(batch)
        self._tell(batch, task, look)
        for parcel in batch.parcels:
            why = left_out.get(parcel.order.source)
            if why is None:
                self._deliver(parcel, look.moved if len(batch.parcels) == 1 else None)
            else:
                missing = look._replace(fault=why.partition(":")[0], details=why.partition(": ")[2])
                self._fail([parcel], in_words(task, missing, (), "left it out"))

    def _give_up(self, batch: Batch, task: str, *, patient: bool = True) -> None:
        """End a batch that did not do its work: files that did arrive are there, and those that are named failed.

        Args:
            batch: It has a look and an ending.
            task: Its task.
            patient: Whether what Globus cannot say now is to be asked for again; else what is known has to do.

        Raises:
            Trouble: it is to be asked again.
        """
        look = batch.look
        if look is None:
            return
        if look.status != "FAILED" and not batch.cancelled:
            _had(lambda: self._link.cancel(task), None, patient)
            batch.cancelled = True
        faults: list[str] = _had(lambda: self._link.faults(task), [], patient)
        if look.fault.startswith("PAUSED") or look.status == "INACTIVE":
            faults = [words for words in (_had(lambda: self._link.pause(task), "", patient), *faults) if words]
        there: frozenset[str] = _had(lambda: self._link.arrived(task), frozenset(), patient)
        self._drop(batch)
        self._tell(batch, task, look)
        for parcel in batch.parcels:
            if parcel.order.target in there:
                self._deliver(parcel, None)
        left = [parcel for parcel in batch.parcels if parcel.order.target not in there]
        again = self._innocent(left, look, faults)
        for parcel in again:
            self._gathering.add(parcel, self._clock())
        self._fail([parcel for parcel in left if parcel not in again], in_words(task, look, faults, batch.ending))

    def _innocent(self, left: list[Parcel], look: Look, faults: list[str]) -> list[Parcel]:
        """Those that are tried again: others are named as what the task has failed for."""
        if look.status != "FAILED" and not look.is_hopeless:
            return []
        guilty = at_fault(left, [*faults, look.details])
        return [parcel for parcel in left if guilty and parcel not in guilty and parcel.tries < self._tempo.tries]

    def _cancel_everything(self, deadline: float) -> None:
        for batch in self._batches:
            if batch.task is not None and time.monotonic() < deadline:
                try:
                    self._link.cancel(batch.task)
                except Trouble as trouble:
                    logger.warning(
                        "Globus task %s goes on, it could not be cancelled: %s; see %s/%s",
                        *(batch.task, trouble.reason, ACTIVITY, batch.task),
                    )
        self._fail(self._everything(), "the run was closed before it was there")

    def _drop(self, batch: Batch) -> None:
        self._batches = [other for other in self._batches if other is not batch]

    def _everything(self) -> list[Parcel]:
        batches, self._batches = self._batches, []
        return [*self._gathering.all(), *(parcel for batch in batches for parcel in batch.parcels)]

    def _deliver(self, parcel: Parcel, size: int | None) -> None:
        order = parcel.order
        with suppress(OSError):  # not everything that tasks see is seen here
            size = os.stat(order.path).st_size
        seconds = self._clock() - parcel.begun
        with suppress(InvalidStateError):  # the run was closed meanwhile
            parcel.future.set_result(Carried(order.url, order.path, size, seconds, parcel.tries))

    def _fail(self, parcels: Iterable[Parcel], reason: str) -> None:
        for parcel in parcels:
            with suppress(InvalidStateError):  # it has ended, or was cancelled
                parcel.future.set_exception(StagingError(parcel.order.url, reason))

    def _tell(self, batch: Batch, task: str, look: Look) -> None:
        batch.told = self._clock()
        if self._record is None:
            return
        facts: dict[str, Any] = {
            "so_far": look.moved,
            "files": look.files,
            "of_files": len(batch.parcels),
            "seconds": round(batch.told - batch.begun, 3),
        }
        if look.fault:
            facts["fault"] = look.fault
        self._record(Record("transfer", time.time(), f"Globus task {task}", facts))


def _had(ask: Callable[[], T], otherwise: T, patient: bool) -> T:
    """What an answer is, or what has to do without it.

    Raises:
        Trouble: who is patient gets it later.
    """
    try:
        return ask()
    except Trouble as trouble:
        if trouble.transient and patient:
            raise
        return otherwise
