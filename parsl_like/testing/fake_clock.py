"""A clock that goes only when it is told to."""

from __future__ import annotations


class FakeClock:
    """Satisfies ``core.ports.Clock``.

    Args:
        monotonic: What the monotonic clock shows first, in seconds.
        wall: What the wall clock shows first, in seconds since the epoch.
    """

    def __init__(self, monotonic: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self._monotonic = monotonic
        self._wall = wall

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return self._monotonic

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self._wall

    def advance(self, seconds: float) -> float:
        """Let time pass on both clocks; gives the monotonic time then."""
        if seconds < 0:
            raise ValueError("a monotonic clock does not go back; use set_wall")
        self._monotonic += seconds
        self._wall += seconds
        return self._monotonic

    def set_wall(self, wall: float) -> None:
        """Set the wall clock as an administrator may: in any direction, without the monotonic clock noticing."""
        self._wall = wall
