"""What a transfer says of itself: how far it is, and what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from parsl_like.errors import StagingError
from parsl_like.remote.news import tell
from parsl_like.remote.transfers.urls import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.remote.news import Listener
    from parsl_like.remote.transfers.fetch import Moved

KIND = "transfer"
"""Of the records."""

LONGEST_REASON = 1000
"""Characters of why a transfer failed."""


class Progress:
    """Says how far a transfer is, and not more often than it should.

    Args:
        url: From or to where, without anything secret.
        path: The file on this machine.
        period: Seconds between two records.
        clock: Monotonic seconds.
        tell: Takes what is said.
    """

    def __init__(
        self,
        url: str,
        path: str,
        period: float,
        clock: Callable[[], float] = time.monotonic,
        tell: Listener = tell,
    ) -> None:
        self._url, self._path, self._period, self._clock, self._tell = url, path, period, clock, tell
        self._begun = clock()
        self._due = self._begun + period
        self._there = 0
        self._whole: int | None = None

    def begin(self, whole: int | None) -> None:
        """From here on, :meth:`add` counts the bytes of a file of this size, None if that is not known."""
        self._there, self._whole = 0, whole

    def add(self, count: int) -> None:
        """More bytes have been moved."""
        self._there += count
        self.at(self._there, self._whole)

    def at(self, there: int, whole: int | None) -> None:
        """So many bytes have been moved, of so many, None if that is not known."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + self._period
        facts = {"path": self._path, "so_far": there, "of": whole, "seconds": round(now - self._begun, 3)}
        self._tell(KIND, self._url, facts)


def told(url: str, path: str, move: Callable[[], Moved]) -> Moved:
    """What a transfer gives that is part of a task; a record says what came of it.

    Args:
        url: From or to where.
        path: The file on this machine.
        move: The transfer.

    Raises:
        StagingError: what ``move`` raises.
    """
    try:
        moved = move()
    except StagingError as error:
        tell(KIND, shown(url), {"path": path, "failed": f"StagingError: {error}"[:LONGEST_REASON]})
        raise
    facts = {"path": path, "bytes": moved.size, "seconds": round(moved.seconds, 6), "tries": moved.tries}
    tell(KIND, moved.url, facts)
    return moved
