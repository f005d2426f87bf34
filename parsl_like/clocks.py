"""The system's clocks, behind the port through which sessions take the time."""

from __future__ import annotations

import time


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()
