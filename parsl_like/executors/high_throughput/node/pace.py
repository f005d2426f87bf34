"""How long a node's tasks take of late, and what follows from it: how deep pipes may be, how much to ask for."""

from __future__ import annotations

MAX_DEPTH = 64
"""The most attempts a worker's pipe holds, the running one included."""

SHORT_S = 0.001
"""Pipes hold more than one attempt only while recent tasks took less than this."""

PIPE_WORK_S = 0.001
"""About how much work a pipe may hold."""

STOCK_S = 0.05
"""About how much work a node wants to have in stock, so that it is never idle while a batch is on its way."""

STOCK_BYTES = 64 * 1024 * 1024
"""About how many bytes of calls and their buffers a node keeps in stock."""

MAX_CAPACITY = 8192
"""The most attempts a node asks for, unless it has more workers than that."""

_KEPT = 15 / 16
# One long task among many short ones is soon forgotten: no sample counts for more than this.
_LONGEST_SAMPLE_S = 10 * SHORT_S
_LARGEST_SAMPLE_S = 10 * STOCK_S
GROWTH = 4
"""How many attempts to ask for on the evidence of each short task seen in a row."""


class Pace:
    """Moving averages over the last few dozen tasks.

    Args:
        slots: How many workers the node has.
        prefetch: How many attempts to ask for beyond those that run; None to ask for what the pace calls for.
    """

    def __init__(self, slots: int, prefetch: int | None) -> None:
        self._slots = slots
        self._prefetch = prefetch
        self._recent: float | None = None
        self._typical = 0.0
        self._size = 0.0
        self._short_in_a_row = 0

    def note(self, count: int, seconds: float) -> None:
        """Tasks have ended.

        Args:
            count: How many, at least one.
            seconds: How long they took together.
        """
        mean = seconds / count if seconds > 0 else 0.0
        self._short_in_a_row = min(self._short_in_a_row + count, MAX_CAPACITY) if mean < STOCK_S else 0
        recent = mean if mean < _LONGEST_SAMPLE_S else _LONGEST_SAMPLE_S
        typical = mean if mean < _LARGEST_SAMPLE_S else _LARGEST_SAMPLE_S
        if self._recent is None:
            self._recent, self._typical = recent, typical
        else:
            kept = _KEPT**count
            self._recent += (recent - self._recent) * (1 - kept)
            self._typical += (typical - self._typical) * (1 - kept)

    def weigh(self, count: int, size: int) -> None:
        """Tasks have come.

        Args:
            count: How many, at least one.
            size: How many bytes they have together.
        """
        kept = _KEPT**count
        self._size = self._size * kept + size / count * (1 - kept)

    def depth(self) -> int:
        """How many attempts a worker's pipe may hold, the running one included."""
        if self._recent is None or self._recent >= SHORT_S:
            return 1
        return min(MAX_DEPTH, 1 + int(PIPE_WORK_S / max(self._recent, PIPE_WORK_S / MAX_DEPTH)))

    def capacity(self) -> int:
        """How many attempts the node wants to hold, running ones included.

        It grows only with the number of short tasks seen in a row: those of a few cannot vouch for thousands.
        """
        if self._prefetch is not None:
            stock = self._prefetch
        else:
            called_for = self._slots * STOCK_S / max(self._typical, STOCK_S / MAX_CAPACITY)
            affordable = STOCK_BYTES / max(self._size, 1.0)
            stock = min(int(called_for), int(affordable), GROWTH * self._short_in_a_row)
        return max(self._slots, min(self._slots + stock, MAX_CAPACITY))
