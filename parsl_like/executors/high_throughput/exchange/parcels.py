"""Batches of attempts as messages, none of them larger than a receiver takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parsl_like.executors.high_throughput import protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsl_like.executors.high_throughput.protocol import TaskItem


class Parcel(NamedTuple):
    """One message with attempts: how many, its frame, and the buffers that follow."""

    size: int
    frame: bytes
    buffers: Sequence[Any]


def parcels(
    items: Sequence[TaskItem],
    buffers: Mapping[int, Sequence[Any]],
    acknowledged: list[tuple[bytes, int]],
    limit: int,
) -> Iterator[Parcel]:
    """As few messages as carry the attempts in order, each within the limit unless one attempt alone exceeds it.

    Args:
        items: The attempts.
        buffers: Their buffers, by attempt.
        acknowledged: What the first message acknowledges.
        limit: The largest frame, in bytes.
    """
    frame = protocol.encode(protocol.Tasks(list(items), acknowledged))
    if len(frame) > limit and len(items) > 1:
        half = len(items) // 2
        yield from parcels(items[:half], buffers, acknowledged, limit)
        yield from parcels(items[half:], buffers, [], limit)
    else:
        following = [part for item in items if item.buffers for part in buffers[item.attempt]] if buffers else []
        yield Parcel(len(items), frame, following)
