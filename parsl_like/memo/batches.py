"""Results that came together, and are written together: what most results are, at less cost than one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.memo.entries import SMALL, packed_key, plain_record, record_form, small_record
from parsl_like.memo.items import OVERHEAD, TOLD, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.memo.table import TaskKey

TICK: Final = 1e-6
"""Seconds between two results that are remembered at once: the later one counts where there are two of a key."""


class Batch:
    """Small results with different keys.

    Args:
        keys: Their keys.
        blobs: Pickles of their values, each of them small.
        settled: Called once, with whether all of them are written.

    Attributes:
        packed: The keys as the index has them.
        size: About how many bytes of memory they hold.
        time: When the first of them was remembered, in seconds since the epoch.
        is_whole: Whether all of them are still to be given: none has been forgotten, or remembered anew.
    """

    __slots__ = ("_settled", "blobs", "is_whole", "keys", "packed", "size", "time")

    def __init__(self, keys: Sequence[TaskKey], blobs: Sequence[bytes], settled: Callable[[bool], None]) -> None:
        self.keys, self.blobs = keys, blobs
        self.packed = [key.packed or packed_key(key) for key in keys]
        self.size = OVERHEAD * len(keys) + sum(map(len, blobs))
        self.time = 0.0
        self.is_whole = True
        self._settled = settled

    @staticmethod
    def takes(blobs: Sequence[bytes | None]) -> bool:
        """Whether values may be written together: none of them is large, and all of them are there."""
        return None not in blobs and max(map(len, blobs), default=SMALL) < SMALL  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.keys)

    def records(self, seed: int) -> list[bytes]:
        """The records that say them, for a log with this seed."""
        made = []
        time = self.time
        for key, packed, blob in zip(self.keys, self.packed, self.blobs, strict=True):
            plain = key.plain
            if plain is None:
                made.append(small_record(key, packed, key.parts, key.name, key.task, time, blob, seed))
            else:
                if plain.said is None:
                    plain.said = record_form(plain.name, plain.labels())
                made.append(plain_record(plain.said, key, blob, time, seed))
            time += TICK
        return made

    def item(self, packed: bytes) -> Item:
        """One of them, by itself."""
        place = self.packed.index(packed)
        key = self.keys[place]
        item = Item(packed, str(key), self.blobs[place], key.parts, key.name, key.task, TOLD)
        item.time = self.time + place * TICK
        return item

    def settle(self, *, ok: bool) -> None:
        """Say whether they are written; what the keys were made of is not needed here any more."""
        for key in self.keys:
            key.own, key.plain = (), None
        self._settled(ok)
