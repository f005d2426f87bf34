"""The life of a manager whose block will be ended: when it takes nothing more, when it ends by itself. No clock.

It ends a little ahead of its block, so that the batch system finds a job that has ended well. It takes nothing more as
long before that as what it took last will need: as long as the longest task of late, and a fifth more. Tasks that say
themselves how long they may run do not count for that, since the interchange only sends those that have the time.
"""

from __future__ import annotations

import math

RESERVE_S, RESERVE_SHARE = 10.0, 0.1
"""So much of a block's time is kept for ending in order: seconds, or a share of what is left at the start, if less."""

LEAST_S, LEAST_SHARE = 5.0, 0.1
"""As long as all tasks are shorter than this, it takes nothing more for the last so many seconds of its life."""

MOST_SHARE = 0.5
"""Nor does it ever do without work for more than this share of its life."""

ALLOWANCE = 1.2
"""The next task may take so many times as long as the longest of late."""

WINDOW_SHARE = 0.25
"""A task counts as one of late for one or two of these shares of the manager's life."""

LONG_SHARE = 0.75
"""A task that may run for longer than this share of a life is begun whenever it has come."""

LATE_S, LATE_SHARE = 1.0, 0.02
"""A task that waits for a worker may begin so much too late, before it is handed back."""

SOON = "its block ends soon"


class Lifetime:
    """What a manager knows of its end. Times are monotonic seconds, infinity for never.

    Args:
        now: The time.
        left: Seconds until the block is ended; 0 where nothing tells.
        drain_after: Seconds after which it takes nothing more in any case; None for never.

    Attributes:
        block_ends: When the block is ended.
        ends: When the manager ends, whatever still runs then.
        least: Tasks that took less need not be noted.
        look_at: When there is something to do.
        is_short: Whether it takes nothing more because its end is near.
    """

    def __init__(self, now: float, left: float = 0.0, drain_after: float | None = None) -> None:
        self._told_to_drain_at = math.inf if drain_after is None else now + drain_after
        self._draining = False
        self.is_short = False
        self._since, self._recent, self._before = now, 0.0, 0.0
        if left > 0:
            self.block_ends = now + left
            self.ends = self.block_ends - min(RESERVE_S, RESERVE_SHARE * left)
            self._length = self.ends - now
            self.least = min(LEAST_S, LEAST_SHARE * self._length)
        else:
            self.block_ends = self.ends = self._length = self.least = math.inf
        self.look_at = math.inf
        self._plan(now)

    def note(self, seconds: float, now: float) -> None:
        """A task has taken so long that did not say how long it may run."""
        self._forget_old(now)
        if seconds > self._recent:
            self._recent = seconds
            if not self._draining:
                self._plan(now)

    def reason_to_drain(self, now: float) -> str:
        """Why to take nothing more from now on; empty if there is no reason yet."""
        self._plan(now)
        if now >= self._told_to_drain_at:
            return "its drain_period is over"
        self.is_short = now >= self.look_at
        return SOON if self.is_short else ""

    def look_again(self, when: float) -> None:
        """Have :attr:`look_at` say so, or when the manager ends, if that comes first."""
        self.look_at = min(when, self.ends)

    def drain(self) -> None:
        """It takes nothing more; all that is left to come is its end."""
        self._draining = True
        self.look_at = self.ends

    def left(self, now: float) -> float:
        """Seconds until it ends, at least a moment; 0 if it never does."""
        return max(0.001, self.ends - now) if self.ends < math.inf else 0.0

    def block_left(self, now: float) -> float:
        """The same of its block."""
        return max(0.001, self.block_ends - now) if self.block_ends < math.inf else 0.0

    def latest(self, walltime: float) -> float:
        """When a task must begin that may run for so long; infinity for one that may begin at any time."""
        if self.ends == math.inf or walltime > LONG_SHARE * self._length:
            return math.inf
        return self.ends + min(LATE_S, LATE_SHARE * self._length) - walltime

    def _plan(self, now: float) -> None:
        self.look_at = min(self._told_to_drain_at, self._drain_at(now))

    def _drain_at(self, now: float) -> float:
        if self.ends == math.inf:
            return math.inf
        self._forget_old(now)
        longest = ALLOWANCE * max(self._recent, self._before)
        return self.ends - min(max(self.least, longest), MOST_SHARE * self._length)

    def _forget_old(self, now: float) -> None:
        passed = now - self._since
        window = WINDOW_SHARE * self._length
        if passed >= window:
            self._before = self._recent if passed < 2 * window else 0.0
            self._recent, self._since = 0.0, now
