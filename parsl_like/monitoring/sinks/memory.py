"""The last records and how many there were of each kind, kept in memory."""

from __future__ import annotations

import threading
from collections import Counter, deque
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.core.records import Record

_kind = itemgetter(0)


class MemorySink:
    """Keeps the last records for whoever asks, from any thread; its size does not grow with the run.

    Args:
        keep: How many records to keep.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._last: deque[Record] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def write(self, records: Sequence[Record]) -> None:
        """Take a batch."""
        kinds = Counter(map(_kind, records))
        with self._lock:
            self._last.extend(records)
            self._counts.update(kinds)

    def close(self) -> None:
        """Do nothing: what was kept can still be asked for."""

    def last(self, kind: str | None = None) -> list[Record]:
        """The records kept, oldest first.

        Args:
            kind: Only those of this kind.
        """
        with self._lock:
            kept = list(self._last)
        return [record for record in kept if kind is None or record.kind == kind]

    def counts(self) -> dict[str, int]:
        """How many records of each kind there were, kept or not."""
        with self._lock:
            return dict(self._counts)
