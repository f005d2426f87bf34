"""Managers whose block is over and that cannot be reached: a short time to connect again, then they are lost."""

from __future__ import annotations

import math

UNREACHED_S = 1.0
"""Seconds that such a manager has."""


class Unreached:
    """Since when who has not been reached; times in monotonic seconds."""

    def __init__(self) -> None:
        self._due: dict[bytes, float] = {}

    def add(self, manager: bytes) -> None:
        """A manager could not be reached; its time begins with the next look."""
        self._due.setdefault(manager, math.inf)

    def discard(self, manager: bytes) -> None:
        """It was heard, or is known to be gone."""
        if self._due:
            self._due.pop(manager, None)

    def over(self, now: float) -> list[bytes]:
        """Those whose time is over."""
        if not self._due:
            return []
        for manager, due in self._due.items():
            if due == math.inf:
                self._due[manager] = now + UNREACHED_S
        return [manager for manager, due in self._due.items() if now >= due]

    def deadline(self) -> float:
        """When the first time is over; infinity if there is none."""
        return min(self._due.values(), default=math.inf)
