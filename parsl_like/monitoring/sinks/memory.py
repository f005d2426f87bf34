"""The last records and how many there were of each kind, kept in memory."""

from __future__ import annotations

import threading
from collections import Counter, deque
from operator import itemgetter
from pickle import dumps, loads
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.core.records import Record

OF_TASKS = frozenset({"task", "state"})
"""Kinds of which every task has some: they are kept apart, so that they do not drive out the rare ones."""

_kind, _time = itemgetter(0), itemgetter(1)


class MemorySink:
    """Keeps the last records for whoever asks, from any thread; its size does not grow with the run.

    Args:
        keep: How many records of tasks to keep; packing them is what the sink costs.
        keep_rare: How many of all other kinds.
    """

    def __init__(self, keep: int = 100, keep_rare: int = 1000) -> None:
        self._keep = keep
        self._rare: deque[Record] = deque(maxlen=keep_rare)
        # Packed: a thousand small objects, each where the crowd it came with has been, hold much memory of that crowd.
        self._packed: deque[tuple[int, bytes]] = deque()
        self._packed_count = 0
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def write(self, records: Sequence[Record]) -> None:
        """Take a batch."""
        kinds = Counter(map(_kind, records))
        rare = [record for record in records if record[0] not in OF_TASKS] if kinds.keys() - OF_TASKS else []
        of_tasks = [record for record in records if record[0] in OF_TASKS] if rare else records
        last = of_tasks[-self._keep :]
        packed = (len(last), dumps(last, 5)) if last else None
        with self._lock:
            self._counts.update(kinds)
            self._rare.extend(rare)
            if packed is not None:
                self._packed.append(packed)
                self._packed_count += packed[0]
                while self._packed_count - self._packed[0][0] >= self._keep:
                    self._packed_count -= self._packed.popleft()[0]

    def close(self) -> None:
        """Do nothing: what was kept can still be asked for."""

    def last(self, kind: str | None = None) -> list[Record]:
        """The records kept, oldest first.

        Args:
            kind: Only those of this kind.
        """
        with self._lock:
            found, packed = list(self._rare), list(self._packed)
        if kind is None or kind in OF_TASKS:
            of_tasks: list[Record] = [record for _, blob in packed for record in loads(blob)]
            found = sorted([*found, *of_tasks[-self._keep :]], key=_time)
        return [record for record in found if kind is None or record.kind == kind]

    def counts(self) -> dict[str, int]:
        """How many records of each kind there were, kept or not."""
        with self._lock:
            return dict(self._counts)
