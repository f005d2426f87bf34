"""The attempts that wait in the interchange: by priority, first come first served among equals."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING

from parsl_like.errors import BadMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from parsl_like.executors.high_throughput.protocol import TaskItem


SWEEP_AT = 100
"""How many cancelled attempts may be kept waiting at least, before they are looked for and forgotten."""


class Backlog:
    """Gives attempts out in the order of their priority, and of their arrival among equals; forgets cancelled ones.

    One queue per priority in use, so that the usual case, where all are equal, is a single double-ended queue.
    """

    def __init__(self) -> None:
        self._queues: dict[float, deque[TaskItem]] = {}
        self._priorities: list[float] = []
        self._buffers: dict[int, Sequence[Any]] = {}
        self._cancelled: set[int] = set()
        self._length = 0
        self.wide = 0
        """How many of those that wait hold more than one slot."""

    def __len__(self) -> int:
        """How many wait, cancelled ones that are not yet forgotten included."""
        return self._length

    def __iter__(self) -> Iterator[TaskItem]:
        """Those that wait, in order."""
        for priority in sorted(self._queues):
            yield from (item for item in self._queues[priority] if item.attempt not in self._cancelled)

    def append(self, items: Sequence[TaskItem], buffers: Sequence[Any] = ()) -> None:
        """Take a batch, with the buffers its items count.

        Raises:
            BadMessage: if the items count other buffers than there are; nothing of the batch is taken.
        """
        if len(items) == 1:
            (item,) = items
            if buffers or item.buffers:
                self._keep_buffers(items, buffers)
            self._queue(item.priority).append(item)
            self._length += 1
            if item.slots > 1:
                self.wide += 1
        else:
            self._extend(items, buffers)

    def put_back(self, items: Sequence[TaskItem], buffers: Mapping[int, Sequence[Any]]) -> None:
        """Take again what could not be delivered, ahead of its equals; of the buffers, those that belong to it."""
        for item in reversed(items):
            self._queue(item.priority).appendleft(item)
        if buffers:
            self._buffers.update({item.attempt: buffers[item.attempt] for item in items if item.attempt in buffers})
        self._length += len(items)
        self.wide += _wide(items)

    def take(self, count: int) -> list[TaskItem]:
        """The next ``count``, or as many as there are."""
        if self._cancelled:
            taken = self._take_one_by_one(count)
        else:
            taken = []
            count = min(count, self._length)
            while count > 0:
                queue = self._first_queue()
                if len(queue) <= count:
                    count -= len(queue)
                    taken += queue
                    queue.clear()
                else:
                    taken += [queue.popleft() for _ in range(count)] if count > 1 else [queue.popleft()]
                    break
            self._length -= len(taken)
        if self.wide:
            self.wide -= _wide(taken)
        return taken

    def first(self) -> TaskItem | None:
        """The next one, which stays; None if nothing waits."""
        self._drop_cancelled()
        return self._first_queue()[0] if self._length else None

    def narrow_run(self, limit: int) -> int:
        """How many of the next ``limit`` at least come before the first that holds several slots; 0 if that is next."""
        self._drop_cancelled()
        run = 0
        if self._length:
            for item in islice(self._first_queue(), limit):
                if item.slots > 1:
                    break
                run += item.attempt not in self._cancelled
        return run

    def buffers_of(self, items: Iterable[TaskItem]) -> dict[int, Sequence[Any]]:
        """The buffers of items that were taken, by attempt; they are given once."""
        if not self._buffers:
            return {}
        return {item.attempt: self._buffers.pop(item.attempt) for item in items if item.attempt in self._buffers}

    def cancel(self, attempts: Iterable[int]) -> None:
        """Let those of ``attempts`` that wait never be taken."""
        if not self._length:
            return
        self._cancelled.update(attempts)
        # Each sweep is paid for by the cancellations before it, and forgets those of attempts that never were here.
        if len(self._cancelled) > max(SWEEP_AT, self._length // 2):
            self._sweep()

    def validate(self) -> None:
        """Check that counts and queues agree.

        Raises:
            ValueError: naming what differs.
        """
        items = [item for queue in self._queues.values() for item in queue]
        counted = {"length": len(items), "wide": sum(item.slots > 1 for item in items)}
        if counted != {"length": self._length, "wide": self.wide}:
            raise ValueError(f"the backlog holds {counted}, says {self._length} and {self.wide}")
        if sorted(self._priorities) != sorted(self._queues) or self._buffers.keys() - {item.attempt for item in items}:
            raise ValueError(f"the backlog has queues for {sorted(self._queues)}, buffers of {list(self._buffers)}")

    def _extend(self, items: Sequence[TaskItem], buffers: Sequence[Any]) -> None:
        if buffers or {item.buffers for item in items} != {0}:
            self._keep_buffers(items, buffers)
        priorities = {item.priority for item in items}
        if len(priorities) == 1:
            self._queue(*priorities).extend(items)
        else:
            for item in items:
                self._queue(item.priority).append(item)
        self._length += len(items)
        self.wide += _wide(items)

    def _queue(self, priority: float) -> deque[TaskItem]:
        queue = self._queues.get(priority)
        if queue is None:
            queue = self._queues[priority] = deque()
            heappush(self._priorities, priority)
        return queue

    def _first_queue(self) -> deque[TaskItem]:
        while not (queue := self._queues[self._priorities[0]]):
            del self._queues[heappop(self._priorities)]
        return queue

    def _take_one_by_one(self, count: int) -> list[TaskItem]:
        taken: list[TaskItem] = []
        while len(taken) < count:
            self._drop_cancelled()
            if not self._length:
                break
            taken.append(self._first_queue().popleft())
            self._length -= 1
        return taken

    def _drop_cancelled(self) -> None:
        """See to it that the next one is not cancelled."""
        while self._cancelled and self._length:
            item = self._first_queue()[0]
            if item.attempt not in self._cancelled:
                return
            self._first_queue().popleft()
            self._length -= 1
            self.wide -= item.slots > 1
            self._cancelled.discard(item.attempt)
            self._buffers.pop(item.attempt, None)
        if not self._length:
            self._cancelled.clear()

    def _sweep(self) -> None:
        for priority, queue in self._queues.items():
            self._queues[priority] = deque([item for item in queue if item.attempt not in self._cancelled])
        self._length = sum(map(len, self._queues.values()))
        self.wide = sum(map(_wide, self._queues.values()))
        if self._buffers:
            for attempt in self._cancelled & self._buffers.keys():
                del self._buffers[attempt]
        self._cancelled.clear()

    def _keep_buffers(self, items: Sequence[TaskItem], buffers: Sequence[Any]) -> None:
        counts = [item.buffers for item in items]
        if any(count < 0 for count in counts) or sum(counts) != len(buffers):
            raise BadMessage(f"tasks that count {sum(counts)} buffers came with {len(buffers)}")
        start = 0
        for item, count in zip(items, counts, strict=True):
            if count:
                self._buffers[item.attempt] = buffers[start : start + count]
                start += count


def _wide(items: Iterable[TaskItem]) -> int:
    return sum([item.slots > 1 for item in items])
