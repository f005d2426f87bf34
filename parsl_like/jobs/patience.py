"""How long a block may take for each step of its life, and when it has taken too long. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.core.job_states import JobState
from parsl_like.jobs.ledger import UNACCOUNTED_S
from parsl_like.jobs.row import WAITING

if TYPE_CHECKING:
    from collections.abc import Collection

    from parsl_like.core.ids import BlockId
    from parsl_like.jobs.row import BlockRow

DRAIN_GRACE_S = 5.0
"""How long the job of a drained block may outlive its managers."""
DRAIN_PATIENCE_S = 30.0
"""How long an idle block may go on after it was asked to drain."""
CANCEL_AGAIN_S = 30.0
"""When a cancelled job that still runs is cancelled again."""
SLOW_CONNECT_S = 60.0
"""When a block that runs but has not connected is worth a warning."""
HOPELESS_FOR_S = 25.0
"""For how long answers have to agree that a job can never start. A reload of a batch system's configuration, or an
operator's hold, may show for a moment; but jobs are looked at every 30 s, and a program is to know within a minute."""
NEW_S = 60.0
"""A job is new if it has waited for less than this when it is first said that it can never start."""
ABANDONED_AFTER_S = 60.0
"""How long a job may go on, as far as its batch system knows, after all its managers have gone."""
SILENT = "no manager of it has connected"


@dataclass(frozen=True, slots=True)
class Patience:
    """What one executor's blocks are given.

    Attributes:
        connect_timeout: Seconds a block may run before a manager must have connected.
        pending_timeout: Seconds a job may wait in the queue; None for as long as it takes.
    """

    connect_timeout: float
    pending_timeout: float | None = None

    def will_not_drain(self, row: BlockRow, idle: Collection[BlockId], now: float) -> bool:
        """Whether a block was asked to drain and does not, or its job outlives its managers."""
        if row.drain_asked is None or row.cancel_asked is not None:
            return False
        if row.connected:
            return row.block in idle and now - row.drain_asked >= DRAIN_PATIENCE_S
        return now - row.drain_asked >= DRAIN_GRACE_S

    def silent_for(self, row: BlockRow, now: float) -> float | None:
        """Seconds that a block has been running without any manager having connected; None if that is not so.

        They begin anew when its job has waited again.
        """
        if row.running_since is None or row.connected_since is not None or row.leaving:
            return None
        return now - row.running_since

    def abandoned(self, row: BlockRow, now: float) -> str | None:
        """Why a job is ended that runs without any manager that it had, in words; None if it is not.

        A batch system that takes a dead node's job for running, or a launcher that hangs, would hold it for ever.
        """
        if row.state is not JobState.RUNNING or row.connected or row.parted is None or row.leaving:
            return None
        if now - row.parted < ABANDONED_AFTER_S:
            return None
        return (
            f"block {row.block} (job {row.job}) runs, but all its managers have been gone for {now - row.parted:.0f} s"
        )

    def hopeless(self, row: BlockRow, *, again: bool) -> str | None:
        """Why a job is given up that waits and can never start, in words; None if it is not.

        Args:
            row: Its block.
            again: Whether the same was seen of the block before it: then, for a job that is new, one answer is enough.
        """
        if row.hopeless is None or row.hopeless_since is None or not _waits(row):
            return None
        new = row.waits_since is not None and row.hopeless_since - row.waits_since < NEW_S
        if row.seen - row.hopeless_since < (0.0 if again and new else HOPELESS_FOR_S):
            return None
        return f"block {row.block} (job {row.job}) waits, and can never start as it is: {row.hopeless}"

    def waited_too_long(self, row: BlockRow) -> str | None:
        """Why a job is given up that has waited for longer than it may, in words; None if it is not."""
        if self.pending_timeout is None or row.waits_since is None or not row.known or not _waits(row):
            return None
        waited = row.seen - row.waits_since
        if waited < self.pending_timeout:
            return None
        why = row.message or "the batch system does not say what for"
        limit = f"longer than pending_timeout={self.pending_timeout:g} allows"
        return f"block {row.block} (job {row.job}) has waited in the queue for {waited:.0f} s, {limit}: {why}"

    def next_look(self, row: BlockRow) -> float | None:
        """When an answer about a job would be worth more than at any other time: its time in the queue is over then."""
        if self.pending_timeout is None or row.waits_since is None or not _waits(row):
            return None
        return row.waits_since + self.pending_timeout

    def due(self, row: BlockRow) -> list[float]:
        """When a block will have taken too long for something; of one that was only taken for gone, too."""
        if row.over:
            return [*_again(row), *([] if row.lost_at is None else [row.lost_at + UNACCOUNTED_S])]
        if row.cancel_asked is not None:
            return _again(row)
        if row.drain_asked is not None:
            return [row.drain_asked + DRAIN_GRACE_S, row.drain_asked + DRAIN_PATIENCE_S]
        if row.running_since is not None and row.connected_since is None:
            return [row.running_since + self.connect_timeout]
        if row.parted is not None and not row.connected:
            return [row.parted + ABANDONED_AFTER_S]
        return []


def is_stubborn(row: BlockRow, now: float) -> bool:
    """Whether it is time to ask once more for the end of a job that was asked for before."""
    return row.cancel_sent is not None and now - row.cancel_sent >= CANCEL_AGAIN_S


def _again(row: BlockRow) -> list[float]:
    return [] if row.cancel_sent is None else [row.cancel_sent + CANCEL_AGAIN_S]


def _waits(row: BlockRow) -> bool:
    return row.job is not None and row.state in WAITING and not row.leaving
