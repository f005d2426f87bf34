"""Tasks for which blocks have no time: those that are refused, those that were cut short, and what their errors say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from parsl_like.core.ids import task_of
from parsl_like.errors import ExecutorError, ManagerLost
from parsl_like.executors.high_throughput.protocol import LONG, TIME_IS_UP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsl_like.core.ids import AttemptId, TaskId
    from parsl_like.core.ports import Attempt
    from parsl_like.executors.high_throughput.protocol import Lost

HINT = "give the task a walltime, so that it is only begun where it has the time, or use longer blocks."


class Walltimes:
    """What a driver knows of the time that tasks need and blocks have.

    A task that was cut short by the end of its block begins anew in a block that has most of its life ahead.

    Args:
        label: The executor.
        most: For how many seconds a block lives at most; infinity where nothing limits it.

    Attributes:
        matter: Whether attempts have to be sifted at all.
    """

    def __init__(self, label: str, most: float = math.inf) -> None:
        self._label = label
        self._most = most
        self._cut_short: set[TaskId] = set()
        self.matter = most < math.inf

    def sift(
        self, attempts: Sequence[Attempt], refuse: Callable[[Sequence[Attempt], BaseException], None]
    ) -> Sequence[Attempt]:
        """The attempts as they are to be sent.

        Args:
            attempts: Those to be sent.
            refuse: Told those that no block has the time for, and why.
        """
        if self._most < math.inf:
            for attempt in attempts:
                if (attempt.walltime or 0.0) > self._most:
                    refuse([attempt], self._too_long(attempt))
            attempts = [attempt for attempt in attempts if (attempt.walltime or 0.0) <= self._most]
        if self._cut_short:
            attempts = [self._patient(attempt) for attempt in attempts]
        return attempts

    def causes(self, lost: Lost) -> Iterator[tuple[int, bool, ManagerLost]]:
        """For each attempt that was lost: whether it had begun, and why it was lost."""
        general = self._cause(lost)
        over = _is_over(lost)
        for index, attempt in enumerate(lost.started):
            seconds = lost.ran[index] if index < len(lost.ran) else 0.0
            if over:
                self._cut_short.add(task_of(cast("AttemptId", attempt)))
                self.matter = True
            yield attempt, True, self._cause(lost, seconds) if seconds else general
        for attempt in lost.unstarted:
            yield attempt, False, general

    def _cause(self, lost: Lost, seconds: float = 0.0) -> ManagerLost:
        if not _is_over(lost):
            return ManagerLost(lost.manager, lost.hostname, lost.reason)
        reason = lost.reason if lost.reason == TIME_IS_UP else f"{TIME_IS_UP} ({lost.reason})"
        if self._most < math.inf:
            reason += f"; blocks of this executor end after {self._most:g} s"
        elif lost.life:
            reason += f"; such a block can be used for {lost.life:.0f} s"
        if seconds:
            reason += f"; the task had run for {seconds:.0f} s"
        return ManagerLost(lost.manager, lost.hostname, reason, hint=HINT)

    def _too_long(self, attempt: Attempt) -> ExecutorError:
        return ExecutorError(
            self._label,
            f"no block lives long enough for the task: its walltime is {attempt.walltime:g} s, that of a block is"
            f" {self._most:g} s",
            hint="give the task a shorter walltime, or the provider a longer one.",
        )

    def _patient(self, attempt: Attempt) -> Attempt:
        task = task_of(attempt.attempt_id)
        if task not in self._cut_short:
            return attempt
        self._cut_short.discard(task)
        return attempt if attempt.walltime else cast("Attempt", _Patient(attempt))


class _Patient:
    """An attempt without a walltime, which is to begin where it has as much time as can be had."""

    walltime = LONG

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attempt, name)


def _is_over(lost: Lost) -> bool:
    return lost.life > 0 or "TIMEOUT" in lost.reason
