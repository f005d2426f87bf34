"""The end of a kernel: every future ends, then every part, first by asking and then by force, within a bound."""

from __future__ import annotations

import logging
import math
import threading
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType
from parsl_like.core.records import Record
from parsl_like.core.states import FINAL_PHASES, Phase
from parsl_like.dataflow.errors import KernelClosed
from parsl_like.dataflow.futures import CANCELLED, FAILED, UNSETTLED, run_owed
from parsl_like.dataflow.services import Service, is_service_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import Owed

logger = logging.getLogger(__name__)

CLEANUP_SECONDS = 25.0
"""How long a cleanup may take in all, in seconds; the last part of it is force."""

RECORDS_SECONDS = 2.0, 10.0
"""How long the records may take to be written at least, whatever is left of the time, and at most."""

REMEMBERING_SECONDS = 5.0
"""How long results may take to be on disk; after that their tasks end without."""

TRANSFERS_SECONDS = 5.0
"""How long it may take to cancel transfers that somebody else does."""

LEAVING_SECONDS = 5.0
"""How long each provider may take to be left."""

_CANCEL_REQUESTED = int(EventType.CANCEL_REQUESTED)
_SUBMITTED = int(EventType.SUBMITTED)


class Closing:
    """Ends what a kernel has opened, however far the opening came.

    Args:
        kernel: The kernel.
    """

    def __init__(self, kernel: DataFlowKernel) -> None:
        self._kernel = kernel
        self._end_of_late_tasks: tuple[int, Any] = (CANCELLED, None)
        self._blocks: threading.Thread | None = None
        self._over_at = self._threads_until = math.inf

    def close(self) -> None:
        """Close the kernel, each step guarded: one that fails is logged and the next one follows."""
        deadline = self._over_at = time.monotonic() + CLEANUP_SECONDS
        self._threads_until = time.monotonic() + CLEANUP_SECONDS / 2
        self._kernel.is_open = False
        for step in (
            self._look_around,
            self._remember_results,
            self._cancel_tasks,
            self._close_transfers,
            self._remember_results,  # those that came meanwhile
            self._stop_loop,
            self._leave_blocks,
            self._close_executors,
            self._close_blocks,
            self._close_block_files,
            self._stop_services,
            self._end_stragglers,
            self._close_memory,
            self._write_summary,
        ):
            try:
                step(deadline)
            except Exception:  # a session or plugin, perhaps foreign, must not keep the rest from being closed
                logger.exception("while closing the kernel: %s failed", step.__name__.strip("_"))

    def last_moment(self) -> float:
        """Until when the records may be written, in monotonic seconds."""
        now = time.monotonic()
        least, most = RECORDS_SECONDS
        return max(now + least, min(now + most, self._over_at))

    def _look_around(self, _deadline: float) -> None:
        """Note what is wrong now: soon nothing will run any more, and that will be as it should be."""
        self._kernel.health.freeze()

    def _remember_results(self, deadline: float) -> None:
        """Results that wait for a disk are to be safe before their tasks end; one that hangs is not waited for long."""
        kernel = self._kernel
        if not kernel._loop.alive:
            return
        patience = min(REMEMBERING_SECONDS, deadline - time.monotonic())
        kernel.remembering.catch_up(patience)
        if kernel.machine.counts[Phase.remembering]:
            kernel._memo.catch_up(patience)
            kernel._loop.call(lambda: None)  # tasks whose results have been acknowledged have ended now

    def _cancel_tasks(self, deadline: float) -> None:
        """Cancel what has not ended; code that runs on threads, which nobody can end, may end by itself before."""
        if not self._kernel._loop.alive:
            return
        running: list[TaskRow] = []
        before = self._unstoppable()
        self._kernel._loop.call(lambda: None)  # results of attempts that had ended by then are taken first
        self._on_owner(lambda: running.extend(self._cancel_all(before | self._unstoppable())))
        patience = min(deadline, self._threads_until) - time.monotonic()
        if running and patience > 0 and not is_service_thread():
            wait([row.future for row in running], patience)
        if running:
            self._on_owner(lambda: self._cancel_all(frozenset()))

    def _close_transfers(self, deadline: float) -> None:
        """What others do for tasks that have been cancelled is cancelled there, too."""
        self._kernel.submission.data_manager.close(min(deadline, time.monotonic() + TRANSFERS_SECONDS))

    def _on_owner(self, function: Callable[[], object]) -> None:
        loop = self._kernel._loop
        loop.call(function)
        loop.call(lambda: None)  # what the machine wants done because of it has been done now

    def _unstoppable(self) -> frozenset[int]:
        asked = [getattr(session, "unstoppable", None) for session in self._kernel.executors.values()]
        return frozenset(attempt for ask in asked if ask is not None for attempt in ask())

    def _cancel_all(self, spared: frozenset[int]) -> list[TaskRow]:
        """Cancel every task but those of some attempts; gives the tasks of these."""
        live = [row for row in self._kernel.machine.rows.values() if row.phase not in FINAL_PHASES]
        kept = [row for row in live if row.phase == Phase.launched and row.attempt_id in spared]
        # Those that came later first: what needs a task that is cancelled would fail because of that.
        doomed = sorted({row.id for row in live} - {row.id for row in kept}, reverse=True)
        if doomed:
            logger.warning("%d task(s) had not ended when the kernel was closed, and are cancelled", len(doomed))
            error = KernelClosed("the kernel was closed before the task could end.")
            self._kernel.machine.feed([(_CANCEL_REQUESTED, task, error) for task in doomed])
        return kept

    def _stop_loop(self, _deadline: float) -> None:
        self._kernel._loop.stop()

    def _leave_blocks(self, deadline: float) -> None:
        """Blocks that are to wait for another driver are looked after no more, and go on."""
        for label in self._kernel.kept_blocks.leave():
            poller = self._kernel._poller
            patience = max(0.0, min(deadline - time.monotonic(), LEAVING_SECONDS))
            if poller is not None and label in poller.status() and not poller.leave(label, patience):
                logger.warning("executor %s: a job was being submitted, and is left behind unknown", label)

    def _close_executors(self, deadline: float) -> None:
        kernel = self._kernel
        if kernel._poller is not None:  # beside the executors: a batch system may take its time
            self._blocks = threading.Thread(
                target=kernel._poller.close, args=(deadline,), name="parsl-like-closing", daemon=True
            )
            try:
                self._blocks.start()
            except RuntimeError:  # the interpreter is about to end, and starts no threads any more
                self._blocks = None
        for label, session in list(kernel.executors.items()):
            until = time.monotonic() + CLEANUP_SECONDS / 2
            if hasattr(session, "unstoppable"):  # what runs there has been waited for
                until = min(until, max(self._threads_until, time.monotonic() + 0.5))
            try:
                session.close(deadline=min(deadline, until))
            except Exception:  # the others have to be closed too
                logger.exception("executor %s could not be closed", label)
        for description in kernel._descriptions:
            session_of = kernel.executors.get(description.label)
            if session_of is not None and hasattr(description, "detach"):
                description.detach(session_of)

    def _close_blocks(self, deadline: float) -> None:
        if self._blocks is not None:
            self._blocks.join(max(0.0, deadline - time.monotonic()) + 1.0)
        elif self._kernel._poller is not None:
            self._kernel._poller.close(deadline)

    def _close_block_files(self, _deadline: float) -> None:
        self._kernel.kept_blocks.close()

    def _stop_services(self, deadline: float) -> None:
        kernel = self._kernel
        kernel._retries.close()
        for service in (kernel._prepare, kernel._completion):
            service.stop(max(0.5, min(3.0, deadline - time.monotonic())))

    def _end_stragglers(self, deadline: float) -> None:
        """Tasks that slipped in while the kernel was closing, and callbacks behind one that does not return."""
        kernel = self._kernel
        owed = [due for batch in kernel._completion.unserved() for due in batch]
        owed += self._ended([*kernel.machine.rows.values(), *self._unread()])
        if owed:  # their code, which may not return either
            callbacks: Service[list[Owed]] = Service("parsl-like-completion", run_owed)
            callbacks.start()
            callbacks.put(owed)
            callbacks.stop(max(0.5, min(3.0, deadline - time.monotonic())))
        kernel.submission.settled(0)

    def _close_memory(self, deadline: float) -> None:
        """The last checkpoint is written, so that the summary can say whether it is whole."""
        self._kernel.remembering.close(max(RECORDS_SECONDS[0], deadline - time.monotonic()))

    def _write_summary(self, _deadline: float) -> None:
        kernel = self._kernel
        summary = kernel.summary()
        kernel.log_summary(summary, aloud=True)
        facts = {"what": "finished", "states": dict(summary.states), "losses": summary.losses}
        kernel.recorder.record(Record("run", time.time(), kernel.run_id, facts))
        kernel.plugins.run_finished(kernel._context, summary)
        kernel._run_record.finish(summary)

    def fail_everything(self, error: BaseException, ended: Sequence[TaskRow]) -> None:
        """End every future with an error, without the owner thread, which is dead; tell of those that had ``ended``."""
        self._end_of_late_tasks = (FAILED, error)
        self._kernel._completion.put(self._ended([*ended, *self._kernel.machine.rows.values(), *self._unread()]))

    def end_unread(self) -> None:
        """End the tasks that the loop, which has ended, has not looked at."""
        run_owed(self._ended(self._unread()))

    def _unread(self) -> list[TaskRow]:
        return [event[2] for event in self._kernel._loop.unread() if event[0] == _SUBMITTED]

    def _ended(self, rows: Sequence[TaskRow]) -> list[Owed]:
        """End tasks, and tell those who wait; returns the callbacks: the first of them may wait for the last task."""
        owed: list[Owed] = []
        for row in rows:
            future = row.future
            if future.settled == UNSETTLED:
                future.settle(*self._end_of_late_tasks)
            owed += future.tell()
        return owed
