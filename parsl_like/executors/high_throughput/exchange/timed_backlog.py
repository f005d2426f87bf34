"""The attempts that wait where managers come to an end: those that say how long they may run are kept apart. No clock.

Attempts of about the same walltime wait in one lane, so that it is enough to look at the first of each to see who has
time for what, however many wait.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.backlog import Backlog
from parsl_like.executors.high_throughput.protocol import LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from parsl_like.executors.high_throughput.protocol import TaskItem

LANES_PER_DOUBLING = 16
"""So many lanes there are between one walltime and its double; those in one lane differ by less than a twentieth."""

MOST_S = 1e10
"""A walltime of more than three hundred years, or one that is no time at all, only says that much time is needed."""


class TimedBacklog:
    """As :class:`Backlog`; of attempts in different lanes, it is for others to say which comes first.

    Args:
        plain: What waits so far; it goes on to hold what has no walltime.

    Attributes:
        plain: The attempts without a walltime.
        lanes: The others, by the logarithm of their walltime.
    """

    def __init__(self, plain: Backlog) -> None:
        self.plain = plain
        self.lanes: dict[float, Backlog] = {}
        self._taken: dict[int, Sequence[Any]] = {}
        items = plain.take(len(plain))
        timed = [item for item in items if item.walltime]
        plain.put_back([item for item in items if not item.walltime], {})
        self.put_back(timed, plain.buffers_of(timed))

    def __len__(self) -> int:
        return len(self.plain) + (sum(map(len, self.lanes.values())) if self.lanes else 0)

    def __iter__(self) -> Iterator[TaskItem]:
        yield from chain(self.plain, *self.lanes.values())

    @property
    def wide(self) -> int:
        """How many of those without a walltime hold more than one slot."""
        return self.plain.wide

    def append(self, items: Sequence[TaskItem], buffers: Sequence[Any] = ()) -> None:
        """Take a batch, with the buffers its items count.

        Raises:
            BadMessage: if the items count other buffers than there are; nothing of the batch is taken.
        """
        if not [item for item in items if item.walltime]:
            self.plain.append(items, buffers)
            return
        if (counted := sum([item.buffers for item in items])) != len(buffers):
            raise BadMessage(f"tasks that count {counted} buffers came with {len(buffers)}")
        start = 0
        for item in items:
            self._place_of(item).append((item,), buffers[start : start + item.buffers])
            start += item.buffers

    def put_back(self, items: Sequence[TaskItem], buffers: Mapping[int, Sequence[Any]]) -> None:
        """Take again what could not be delivered, ahead of its equals; of the buffers, those that belong to it."""
        for item in reversed(items):
            self._place_of(item).put_back((item,), buffers)

    def take(self, lane: Backlog, count: int) -> list[TaskItem]:
        """The next ``count`` of a lane, or as many as there are."""
        items = lane.take(count)
        if lane is not self.plain:
            self._taken.update(lane.buffers_of(items))
        return items

    def buffers_of(self, items: Sequence[TaskItem]) -> dict[int, Sequence[Any]]:
        """The buffers of items that were taken, by attempt; they are given once."""
        found = self.plain.buffers_of(items)
        if self._taken:
            taken = [item.attempt for item in items if item.attempt in self._taken]
            found.update({attempt: self._taken.pop(attempt) for attempt in taken})
        return found

    def cancel(self, attempts: Iterable[int]) -> None:
        """Let those of ``attempts`` that wait never be taken."""
        gone = set(attempts)
        for place in (self.plain, *self.lanes.values()):
            place.cancel(gone)

    def heads(self) -> list[tuple[Backlog, TaskItem]]:
        """Each lane in which something waits, and what is next there."""
        found, empty = [], []
        for key, lane in self.lanes.items():
            if (item := lane.first()) is not None:
                found.append((lane, item))
            else:
                empty.append(key)
        for key in empty:
            del self.lanes[key]
        return found

    def validate(self) -> None:
        """Check that counts and queues agree.

        Raises:
            ValueError: naming what differs.
        """
        for place in (self.plain, *self.lanes.values()):
            place.validate()
        strays = [item.attempt for item in self.plain if item.walltime]
        strays += [item.attempt for key, lane in self.lanes.items() for item in lane if _key(item.walltime) != key]
        if strays:
            raise ValueError(f"{strays} do not wait where others of their walltime do")

    def _place_of(self, item: TaskItem) -> Backlog:
        if not item.walltime:
            return self.plain
        key = _key(item.walltime)
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Backlog()
        return lane


def _key(walltime: float) -> float:
    return math.ceil(LANES_PER_DOUBLING * math.log2(walltime)) if 0 < walltime < MOST_S else -math.inf


def longest_like(walltime: float) -> float:
    """The longest walltime that may be in the lane of this one."""
    key = _key(walltime)
    return LONG if key == -math.inf else 2.0 ** (key / LANES_PER_DOUBLING)
