"""Batches of attempts as messages, none of them larger than a receiver takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.links.port import LARGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsl_like.executors.high_throughput.protocol import TaskItem


MOST_PARTS = 64
"""Segments that go into one message, as many as a link passes with it."""


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
    for run in _runs(items, buffers):
        yield from _halves(run, buffers, acknowledged, limit)
        acknowledged = []


def _runs(items: Sequence[TaskItem], buffers: Mapping[int, Sequence[Any]]) -> Iterator[Sequence[TaskItem]]:
    """The attempts in order, cut so that one with something large travels alone: nobody waits for it."""
    start = 0
    for index, item in enumerate(items if buffers else ()):
        if item.buffers and any(len(part) >= LARGE for part in buffers[item.attempt]):
            if index > start:
                yield items[start:index]
            yield items[index : index + 1]
            start = index + 1
    if start < len(items) or not items:
        yield items[start:]


def _halves(
    items: Sequence[TaskItem],
    buffers: Mapping[int, Sequence[Any]],
    acknowledged: list[tuple[bytes, int]],
    limit: int,
) -> Iterator[Parcel]:
    following = [part for item in items if item.buffers for part in buffers[item.attempt]] if buffers else []
    frame = protocol.encode(protocol.Tasks(list(items), acknowledged))
    if len(items) < 2 or (len(frame) <= limit and len(following) <= MOST_PARTS):
        yield Parcel(len(items), frame, following)
        return
    half = len(items) // 2
    yield from _halves(items[:half], buffers, acknowledged, limit)
    yield from _halves(items[half:], buffers, [], limit)
