"""The blocks of an executor: one row for each that was ever asked for, also for those that were refused.

Pure: news comes in as calls with the time in them, changes go out as values. A row's state only moves as
``core.job_states.may_follow`` allows; a final state never changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from parsl_like.core.job_states import TERMINAL_STATES, JobState, may_follow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.core.job_states import JobReport

MISSES = 3
"""How many answers in a row a job must be absent from before it may be taken for gone."""
MISSING_AFTER_S = 60.0
"""How long it must have been absent, in addition."""
PARTED_AFTER_S = 30.0
"""How long all managers of a job must have been gone before it is taken for gone although nobody knows its state."""
KEPT = 1000
"""How many blocks that are over are remembered."""


@dataclass(slots=True)
class BlockRow:
    """What is known of one block. Times are monotonic seconds.

    Attributes:
        block: The block.
        requested: When it was asked for.
        job: Its job, None until the batch system has given it an id.
        state: The job's state; PENDING from the request on.
        message: The batch system's or our own words about the state.
        exit_code: The job's exit code where known.
        running_since: When it was first seen to run.
        connected_since: When a manager of it was first seen connected; None if never.
        connected: Whether one is connected now.
        parted: When all of them were seen to be gone, the last time.
        cancel_asked: When we first asked for its end; None if we did not.
        drain_asked: When its managers were told to take nothing new.
        ended: When it was over.
        seen: When the batch system last answered for it; until it does, when it took it.
        known: Whether it ever answered for it.
        misses: Answers in a row in which it was absent.
    """

    block: BlockId
    requested: float
    job: JobId | None = None
    state: JobState = JobState.PENDING
    message: str | None = None
    exit_code: int | None = None
    running_since: float | None = None
    connected_since: float | None = None
    connected: bool = False
    parted: float | None = None
    cancel_asked: float | None = None
    drain_asked: float | None = None
    ended: float | None = None
    seen: float = 0.0
    known: bool = False
    misses: int = 0

    @property
    def over(self) -> bool:
        """Whether the block's state is final."""
        return self.state in TERMINAL_STATES

    @property
    def leaving(self) -> bool:
        """Whether we have asked for its end in one way or the other."""
        return self.cancel_asked is not None or self.drain_asked is not None

    @property
    def stillborn(self) -> bool:
        """Whether it ended, unasked, without any manager having connected."""
        return self.over and self.connected_since is None and not self.leaving


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

    # --- what we do ----------------------------------------------------------------------------------------------

    def request(self, block: BlockId, now: float) -> Change:
        """A block is about to be submitted."""
        row = self._rows[block] = self._live[block] = BlockRow(block, requested=now, seen=now)
        self._forget_old()
        return Change(replace(row), JobState.UNKNOWN)

    def submitted(self, block: BlockId, job: JobId, now: float) -> bool:
        """The batch system took it.

        Returns:
            False if the block had been given up before that news came: then nobody waits for this job.
        """
        row = self._rows[block]
        row.job, row.seen = job, now
        return not row.over

    def refused(self, block: BlockId, reason: str, now: float) -> Change | None:
        """The batch system did not take it."""
        row = self._rows[block]
        return self._move(row, JobState.SCALED_IN if row.leaving else JobState.FAILED, now, reason)

    def drain(self, block: BlockId, now: float) -> None:
        """Its managers were told to take nothing new."""
        row = self._rows[block]
        row.drain_asked = now if row.drain_asked is None else row.drain_asked

    def cancel(self, block: BlockId, now: float) -> None:
        """The batch system was asked for its end; how it ends from now on is our doing."""
        row = self._rows[block]
        row.cancel_asked = now if row.cancel_asked is None else row.cancel_asked

    # --- what we hear --------------------------------------------------------------------------------------------

    def connected(self, blocks: Iterable[BlockId], now: float) -> list[BlockId]:
        """Which blocks have a connected manager at this moment; gives those that have one for the first time.

        A block with a manager runs, whatever the batch system says of it, or has not yet been asked.
        """
        present, first = set(blocks), []
        for row in self.live():
            was_connected, row.connected = row.connected, row.block in present
            if not row.connected:
                row.parted = now if was_connected else row.parted
                continue
            if row.connected_since is None:
                row.connected_since = now
                first.append(row.block)
            if row.state is not JobState.RUNNING:
                row.state = JobState.RUNNING
                row.running_since = now
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

        A job is given up only for what its managers show: all of them have been gone for :data:`PARTED_AFTER_S`, or
        none has come in the time that one may take, and nobody has ever answered for the job.

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
                waited, allowed = now - row.seen, math.inf if row.known else patience
            if waited >= allowed:
                text = f"no manager of it is connected, and its state has not been known for {waited:.0f} s: {reason}"
                change = self._move(row, JobState.SCALED_IN if row.leaving else JobState.MISSING, now, text)
                changes += [change] if change is not None else []
        return changes

    def part(self) -> None:
        """From now on nobody says which managers are connected."""
        for row in self.live():
            row.connected = False

    def _reported(self, row: BlockRow, report: JobReport, now: float) -> Change | None:
        row.misses, row.seen, row.known = 0, now, True
        state = report.state
        if state in TERMINAL_STATES:
            row.exit_code = report.exit_code
            if row.leaving:
                state = JobState.SCALED_IN
        elif state is JobState.RUNNING:
            row.running_since = now if row.running_since is None else row.running_since
        elif state is JobState.UNKNOWN:
            row.message = report.message  # what could not be understood is kept for people to read
        elif row.connected:
            return None  # the answer is older than what the manager shows
        else:
            row.running_since = None  # it waits, perhaps again: batch systems requeue jobs under the same id
        return self._move(row, state, now, report.message)

    def _absent(self, row: BlockRow, now: float) -> Change | None:
        """A job that is not seen may be new, old or hidden by a hiccup: it is gone only when all three are excluded."""
        row.misses += 1
        if row.misses < self._misses or row.connected:
            return None
        if row.leaving:
            return self._move(row, JobState.SCALED_IN, now, "not seen any more after its end was asked for")
        gone_for = now - row.seen
        if gone_for < self._missing_after:
            return None
        return self._move(row, JobState.MISSING, now, f"absent from {row.misses} answers, for {gone_for:.0f} s")

    def _move(self, row: BlockRow, state: JobState, now: float, message: str | None) -> Change | None:
        if not may_follow(row.state, state):
            return None
        before, row.state, row.message = row.state, state, message
        if row.over:
            row.ended, row.connected = now, False
            del self._live[row.block]
        return Change(replace(row), before)

    def _forget_old(self) -> None:
        if len(self._rows) - len(self._live) > KEPT:
            del self._rows[next(block for block, row in self._rows.items() if row.over)]
