"""The blocks of an executor: one row for each that was ever asked for, also for those that were refused.

Pure: news comes in as calls with the time in them, changes go out as values. A row's state only moves as
``core.job_states.may_follow`` allows; a final state never changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from parsl_like.core.job_states import TERMINAL_STATES, JobState, may_follow
from parsl_like.jobs.row import WAITING, BlockRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.core.job_states import JobReport

MISSES = 3
"""How many answers in a row a job must be absent from before it may be taken for gone."""
MISSING_AFTER_S = 60.0
"""How long it must have been absent, in addition."""
PARTED_AFTER_S = 30.0
"""How long all managers of a job must have been gone before it is taken for gone although nobody knows its state, or
answers do not show it."""
UNACCOUNTED_S = 300.0
"""How long a job that was taken for gone keeps its place, if the batch system never says that it will end it."""
STUCK_S = 60.0
"""How long a job may be reported as if nothing were, after the batch system has said that it ends it."""
KEPT = 1000
"""How many blocks that are over are remembered."""


@dataclass(frozen=True, slots=True)
class Change:
    """A block's job changed.

    Attributes:
        row: The block as it is after the change; a copy.
        before: The state it had.
    """

    row: BlockRow
    before: JobState


class Ledger:
    """All blocks of one executor.

    Args:
        misses: See :data:`MISSES`.
        missing_after: See :data:`MISSING_AFTER_S`.
    """

    def __init__(self, *, misses: int = MISSES, missing_after: float = MISSING_AFTER_S) -> None:
        self._misses = misses
        self._missing_after = missing_after
        self._rows: dict[BlockId, BlockRow] = {}
        self._live: dict[BlockId, BlockRow] = {}
        self._unaccounted: dict[BlockId, BlockRow] = {}

    def __getitem__(self, block: BlockId) -> BlockRow:
        return self._rows[block]

    def rows(self) -> list[BlockRow]:
        """Copies of all rows, in the order in which blocks were asked for."""
        return [replace(row) for row in self._rows.values()]

    def live(self) -> list[BlockRow]:
        """Rows of blocks that are not over."""
        return list(self._live.values())

    def jobs(self) -> list[JobId]:
        """Jobs whose state is worth asking for."""
        return [row.job for row in self._live.values() if row.job is not None]

    def is_unaccounted(self, block: BlockId) -> bool:
        """Whether a block is over as far as can be said, while its job may run all the same."""
        return block in self._unaccounted

    def unaccounted(self, now: float) -> list[BlockRow]:
        """Rows of jobs that were taken for gone and may run all the same.

        Nobody has seen them end, and the batch system has not said that it will end them; among them are those that
        came to be after their block had been given up. They are forgotten after :data:`UNACCOUNTED_S`.
        """
        for row in list(self._unaccounted.values()):
            if row.lost_at is not None and now - row.lost_at >= UNACCOUNTED_S:
                del self._unaccounted[row.block]
        return list(self._unaccounted.values())

    # --- what we do ----------------------------------------------------------------------------------------------

    def request(self, block: BlockId, now: float) -> Change:
        """A block is about to be submitted."""
        row = self._rows[block] = self._live[block] = BlockRow(block, requested=now, seen=now, heard=now)
        self._forget_old()
        return Change(replace(row), JobState.UNKNOWN)

    def submitted(self, block: BlockId, job: JobId, now: float) -> bool:
        """The batch system took it.

        Returns:
            False if the block had been given up before that news came: then nobody waits for this job, which is
            unaccounted for until the batch system says that it ends it.
        """
        row = self._rows[block]
        row.job, row.seen, row.heard = job, now, now
        if row.state in WAITING:
            row.waits_since = now
        if row.over:
            self._unaccounted[block] = row
        return not row.over

    def refused(self, block: BlockId, reason: str, now: float) -> Change | None:
        """The batch system did not take it."""
        row = self._rows[block]
        return self._left(row, now, reason) if row.leaving else self._move(row, JobState.FAILED, now, reason)

    def drain(self, block: BlockId, now: float) -> None:
        """Its managers were told to take nothing new."""
        row = self._rows[block]
        row.drain_asked = now if row.drain_asked is None else row.drain_asked

    def cancel(self, block: BlockId, now: float, given_up: str | None = None) -> None:
        """The batch system was asked for its end; how it ends from now on is our doing.

        Args:
            block: The block.
            now: Monotonic seconds.
            given_up: Why, in words, if it was to work and cannot; its end is a failure, then.
        """
        row = self._unaccounted.get(block) or self._rows[block]
        row.cancel_sent = now if row.job is not None else None
        if not row.over:
            row.cancel_asked = now if row.cancel_asked is None else row.cancel_asked
            row.given_up = row.given_up or given_up

    def accepted(self, jobs: Iterable[JobId]) -> list[BlockId]:
        """The batch system has said that it ends jobs, or that they are over.

        Returns:
            Blocks that had been unaccounted for and are so no longer.
        """
        ended = set(jobs)
        for row in self._live.values():
            row.accepted = row.accepted or row.job in ended
        freed = [row.block for row in self._unaccounted.values() if row.job in ended]
        for block in freed:
            del self._unaccounted[block]
        return freed

    # --- what we hear --------------------------------------------------------------------------------------------

    def connected(self, blocks: Iterable[BlockId], now: float) -> list[BlockId]:
        """Which blocks have a connected manager at this moment.

        A block with a manager runs, whatever the batch system says of it, or has not yet been asked.

        Returns:
            Blocks that have one for the first time, or for the first time since their job waited again.
        """
        present, first = set(blocks), []
        for row in self.live():
            was_connected, row.connected = row.connected, row.block in present
            if not row.connected:
                row.parted = now if was_connected else row.parted
                continue
            if row.connected_since is None:
                row.connected_since, row.ever_connected = now, True
                first.append(row.block)
            elif row.parted is not None:
                row.draining = False  # what those that have gone said need not hold for these
            if row.state is not JobState.RUNNING:
                row.state = JobState.RUNNING
                row.running_since = now
            row.waits_since = row.hopeless = row.hopeless_since = row.parted = None
        return first

    def told(self, draining: Collection[BlockId], worked: Collection[BlockId] | None) -> list[BlockId]:
        """What managers say of themselves: whose block is about to end, and where a task has been finished.

        Args:
            draining: Blocks that take nothing new.
            worked: Blocks that have finished a task; None if nobody tells.

        Returns:
            Blocks that have finished their first task.
        """
        first = []
        for row in self.live():
            row.draining = row.draining or row.block in draining
            if worked is not None:
                before, row.worked = row.worked, bool(row.worked) or row.block in worked
                first += [row.block] if row.worked and not before else []
        return first

    def answered(self, asked: Sequence[JobId], reports: Mapping[JobId, JobReport], now: float) -> list[Change]:
        """The batch system answered a question for some jobs. An answer that failed is no answer: do not tell it."""
        wanted = set(asked)
        changes = []
        for row in self.live():
            if row.job not in wanted:
                continue
            report = reports.get(row.job)
            change = self._absent(row, now) if report is None else self._reported(row, report, now)
            if change is not None:
                changes.append(change)
        return changes

    def unanswered(self, asked: Sequence[JobId], reason: str, patience: float, now: float) -> list[Change]:
        """A question for some jobs has failed; that by itself says nothing about them.

        A job is given up only for what its managers show: all of them have been gone for :data:`PARTED_AFTER_S` while
        it was running as far as is known, or none has come in the time that one may take, and nobody has ever answered
        for the job.

        Args:
            asked: The jobs.
            reason: Why there is no answer.
            patience: Seconds that managers of a job may take to connect.
            now: Monotonic seconds.
        """
        wanted = set(asked)
        changes = []
        for row in self.live():
            if row.job not in wanted or row.connected:
                continue
            if row.parted is not None:
                waited, allowed = now - max(row.seen, row.parted), PARTED_AFTER_S
            else:
                waited, allowed = now - row.heard, math.inf if row.known else patience
            if waited >= allowed:
                text = f"no manager of it is connected, and its state has not been known for {waited:.0f} s: {reason}"
                if row.leaving:
                    change = self._left(row, now, text, seen=False)
                else:
                    change = self._move(row, JobState.MISSING, now, text)
                changes += [change] if change is not None else []
        return changes

    def part(self) -> None:
        """From now on nobody says which managers are connected."""
        for row in self.live():
            row.connected = False

    def _reported(self, row: BlockRow, report: JobReport, now: float) -> Change | None:
        row.misses, row.heard = 0, now
        state = report.state
        if state is JobState.UNKNOWN:  # it says nothing about the job, and nothing that was said before is confirmed
            row.message = report.message  # what could not be understood is kept for people to read
            return None
        row.seen, row.known = now, True
        if state in TERMINAL_STATES:
            row.exit_code = report.exit_code
            if row.leaving:
                return self._left(row, now, report.message)
        elif self._is_stuck(row, now):
            text = f"it was to end, none of its managers is there, and it is {state.name} all the same"
            return self._left(row, now, text)
        elif state is JobState.RUNNING:
            row.running_since = now if row.running_since is None else row.running_since
            row.waits_since = row.hopeless = row.hopeless_since = None
        elif row.connected:
            return None  # the answer is older than what the manager shows
        else:
            self._waits(row, report, now)
        return self._move(row, state, now, row.message if state in WAITING else report.message)

    def _is_stuck(self, row: BlockRow, now: float) -> bool:
        """Whether its end is only a matter of time: Torque takes a job for running until its lost node is back."""
        asked = row.cancel_asked
        return row.accepted and not row.connected and asked is not None and now - asked >= STUCK_S

    def _waits(self, row: BlockRow, report: JobReport, now: float) -> None:
        """It waits, perhaps again: batch systems requeue jobs under the same id, and suspend them.

        What its managers did and said before counts no more: when it begins again, new ones have as long as the first.
        """
        row.running_since = row.connected_since = row.parted = None
        row.draining = False
        row.waits_since = now if row.waits_since is None else row.waits_since
        row.message = report.hopeless or report.message
        row.hopeless = report.hopeless
        if row.hopeless is None:
            row.hopeless_since = None
        elif row.hopeless_since is None:
            row.hopeless_since = now

    def _absent(self, row: BlockRow, now: float) -> Change | None:
        """A job that is not seen may be new, old or hidden by a hiccup: it is gone only when all three are excluded."""
        row.misses += 1
        if row.misses < self._misses or row.connected:
            return None
        if row.leaving:
            return self._left(row, now, "not seen any more after its end was asked for", seen=False)
        gone_for = now - row.heard
        parted_for = 0.0 if row.parted is None else now - max(row.heard, row.parted)
        if gone_for < self._missing_after and parted_for < PARTED_AFTER_S:
            return None
        return self._move(row, JobState.MISSING, now, f"absent from {row.misses} answers, for {gone_for:.0f} s")

    def _left(self, row: BlockRow, now: float, message: str | None, *, seen: bool = True) -> Change | None:
        """It has ended as we wanted; if nobody has seen that, somebody has to have said so."""
        if row.given_up is not None:
            change = self._move(row, JobState.FAILED, now, row.given_up)
        else:
            change = self._move(row, JobState.SCALED_IN, now, message)
        if not (seen or row.accepted):
            self._unaccounted[row.block] = row
        return change

    def _move(self, row: BlockRow, state: JobState, now: float, message: str | None) -> Change | None:
        if not may_follow(row.state, state):
            return None
        before, row.state, row.message = row.state, state, message
        if row.over:
            row.ended, row.connected = now, False
            del self._live[row.block]
            if state is JobState.MISSING:
                self._unaccounted[row.block] = row
        return Change(replace(row), before)

    def _forget_old(self) -> None:
        if len(self._rows) - len(self._live) > KEPT:
            del self._rows[next(block for block, row in self._rows.items() if row.over)]
