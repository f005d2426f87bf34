"""The live shell: carries out what the machine wants done, in batches, without ever waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.states import Phase
from parsl_like.core.task import remains_of
from parsl_like.dataflow.futures import CANCELLED, FAILED, SUCCEEDED

if TYPE_CHECKING:
    from parsl_like.core.effects import Outbox
    from parsl_like.core.ids import AttemptId, TaskId
    from parsl_like.core.ports import ExecutorSession
    from parsl_like.core.task import JoinTargets, TaskRow
    from parsl_like.dataflow.futures import AppFuture

logger = logging.getLogger(__name__)

_SETTLED = {
    int(Phase.done): SUCCEEDED,
    int(Phase.recalled): SUCCEEDED,
    int(Phase.failed): FAILED,
    int(Phase.dep_failed): FAILED,
    int(Phase.cancelled): CANCELLED,
}
_ATTEMPT_FAILED = int(EventType.ATTEMPT_FAILED)
_PHASE_FAILED = int(Phase.failed)


class LiveEffects:
    """Effects for real.

    Args:
        sessions: Executors by label.
        post_all: Takes events that carrying out gives rise to.
        complete: Takes futures that have been settled, to tell those who wait.
        prepare: Takes rows to be prepared, on the prepare thread.
        watch: Waits for the inner futures of a join app.
        record: Takes raw state changes, on the records thread.
        remember: Keeps results for later equal calls.
        release: Hears of calls in flight that will have no result, with their keys.
        failed: Takes the rows of tasks that have failed.
    """

    def __init__(  # noqa: PLR0913 - one taker for each kind of effect, given by name
        self,
        *,
        sessions: MutableMapping[str, ExecutorSession],
        post_all: Callable[[Sequence[RawEvent]], None],
        complete: Callable[[list[AppFuture[Any]]], None],
        prepare: Callable[[list[TaskRow]], None],
        watch: Callable[[TaskRow, JoinTargets], None],
        record: Callable[[list[tuple[float, int, int, int, Any]]], None],
        remember: Callable[[list[tuple[TaskRow, str, Any]]], None],
        release: Callable[[list[tuple[TaskId, str]]], None],
        failed: Callable[[list[TaskRow]], None],
    ) -> None:
        self._sessions: Mapping[str, ExecutorSession] = sessions
        self._post_all = post_all
        self._complete = complete
        self._prepare = prepare
        self._watch = watch
        self._record = record
        self._remember = remember
        self._release = release
        self._failed = failed
        self._broken: dict[str, BaseException] = {}

    def break_executor(self, label: str, error: BaseException) -> None:
        """Give an executor nothing any more; what is meant for it fails with ``error``."""
        self._broken[label] = error

    def carry_out(self, out: Outbox) -> None:
        """Do everything in the box; launches first, since workers wait, and records last, since people can.

        The box may be emptied afterwards: other threads get copies of its lists.
        """
        for label, rows in out.launch.items():
            self._launch(label, rows)
        if out.settle:
            self.settle(out.settle)
        # Before what is to be prepared: an equal call that comes now is to find the result, or nobody in its way.
        if out.remember:
            self._remember(out.remember.copy())
        if out.release:
            self._release(out.release.copy())
        if out.prepare:
            self._prepare(out.prepare.copy())
        for row, targets in out.watch:
            self._watch(row, targets)
        if out.cancel:
            self._cancel(out.cancel)
        if out.records:
            self._record(out.records.copy())

    def _cancel(self, unwanted: list[tuple[AttemptId, str]]) -> None:
        by_label: dict[str, list[AttemptId]] = {}
        for attempt, label in unwanted:
            by_label.setdefault(label, []).append(attempt)
        for label, attempts in by_label.items():
            session = self._sessions.get(label)
            if session is None:
                continue
            try:
                session.cancel(attempts)
            except Exception:  # an executor, perhaps foreign; the tasks have been settled as cancelled all the same
                logger.exception("executor %s could not cancel %d attempt(s)", label, len(attempts))

    def _launch(self, label: str, rows: list[TaskRow]) -> None:
        if label in self._broken:
            failure = (self._broken[label], float("inf"), None)
            self._post_all([(_ATTEMPT_FAILED, row.attempt_id, failure) for row in rows])
            return
        try:
            self._sessions[label].submit(rows)
        except Exception as error:  # an executor, perhaps foreign, that refuses must not take the owner thread
            logger.exception("executor %s refused %d task(s)", label, len(rows))
            self._post_all([(_ATTEMPT_FAILED, row.attempt_id, (error, 1.0, None)) for row in rows])

    def settle(self, rows: list[TaskRow]) -> None:
        """Give futures their end, and have those told who wait for it."""
        futures = []
        failed = []
        for row in rows:
            future = row.future
            future.settle(_SETTLED[row.phase], row.value)
            future._phase = row.phase
            future._remains = remains_of(row)
            future._row = None
            futures.append(future)
            if row.phase == _PHASE_FAILED:
                failed.append(row)
        self._complete(futures)
        if failed:
            self._failed(failed)
