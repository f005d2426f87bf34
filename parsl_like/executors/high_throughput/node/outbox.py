"""Results on their way to the driver: numbered batches, kept until it has them."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from parsl_like.executors.high_throughput.links.port import LARGE
from parsl_like.executors.high_throughput.node.pipe import NEWS
from parsl_like.executors.high_throughput.protocol import Results, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.executors.high_throughput.node.pipe import ResultPacket
    from parsl_like.serialize.segments import Segment

_ARRAY = struct.Struct(">BI")  # msgpack: array with a 32-bit length

BATCH_BYTES = 1024 * 1024
"""A batch ends with the item that makes it larger than this, in bytes of its frame."""


BATCH_PARTS = 64
"""A batch holds no more segments than one message passes."""


class Batch(NamedTuple):
    """A numbered message of results and the parts that follow it."""

    sequence: int
    frame: bytes
    parts: Sequence[Segment | bytearray]
    attempts: Sequence[int]


class Outbox:
    """Collects results, makes batches of them, and remembers those that have not been acknowledged.

    Args:
        manager: The manager's identity.
    """

    def __init__(self, manager: bytes) -> None:
        self._manager = manager
        self._sequence = 0
        self._collected: list[ResultPacket] = []
        self._kept: deque[Batch] = deque()

    def add(self, results: Sequence[ResultPacket]) -> None:
        """Take results, in the order in which they are to be told."""
        self._collected += results

    def batches(self, capacity: int) -> list[Batch]:
        """Everything that has been added since the last call, in as few messages as it fits into.

        Args:
            capacity: How many attempts the manager wants to hold.
        """
        results, self._collected = self._collected, []
        made, start, size, parts = [], 0, 0, 0
        if len(results) > 1:
            for index, result in enumerate(results):
                if result.segment is not None and len(result.segment) >= LARGE:  # nobody waits for it
                    alone = [results[start:index], [result]]
                    made += [self._batch(some, capacity) for some in alone if some]
                    start, size, parts = index + 1, 0, 0
                    continue
                size += len(result.item)
                parts += result.segment is not None
                if size > BATCH_BYTES or parts == BATCH_PARTS:
                    made.append(self._batch(results[start : index + 1], capacity))
                    start, size, parts = index + 1, 0, 0
        if start < len(results):
            made.append(self._batch(results[start:], capacity))
        return made

    def _batch(self, results: list[ResultPacket], capacity: int) -> Batch:
        self._sequence += 1
        attempts = [result.attempt for result in results]
        if NEWS in attempts:
            attempts = [attempt for attempt in attempts if attempt != NEWS]
        items = msgspec.Raw(_ARRAY.pack(0xDD, len(results)) + b"".join([result.item for result in results]))
        frame = encode(Results(self._manager, self._sequence, capacity, attempts, items))
        parts = [result.segment for result in results if result.segment is not None]
        batch = Batch(self._sequence, frame, parts, attempts)
        self._kept.append(batch)
        return batch

    def acknowledge(self, sequence: int) -> None:
        """Forget the batches up to this number: they have arrived."""
        while self._kept and self._kept[0].sequence <= sequence:
            self._kept.popleft()

    def unacknowledged(self) -> list[Batch]:
        """The batches that may have to be sent again, in their order."""
        return list(self._kept)

    def attempts(self) -> list[int]:
        """The attempts in those batches."""
        return [attempt for batch in self._kept for attempt in batch.attempts]

    def __bool__(self) -> bool:
        """Whether anything has been added that is in no batch yet."""
        return bool(self._collected)
