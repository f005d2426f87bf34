"""The attempts that wait in the interchange: by priority, first come first served among equals."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from parsl_like.errors import BadMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from parsl_like.executors.high_throughput.protocol import TaskItem


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
        kinds = {(item.priority, item.slots, item.buffers) for item in items}
        if buffers or any(kind[2] for kind in kinds):
            self._keep_buffers(items, buffers)
        if len(kinds) == 1:
            (priority, slots, _count) = kinds.pop()
            self._queue(priority).extend(items)
            self.wide += len(items) if slots > 1 else 0
        else:
            for item in items:
                self._queue(item.priority).append(item)
                self.wide += item.slots > 1
        self._length += len(items)

    def put_back(self, items: Sequence[TaskItem], buffers: Mapping[int, Sequence[Any]]) -> None:
        """Take again what could not be delivered, ahead of its equals."""
        for item in reversed(items):
            self._queue(item.priority).appendleft(item)
            self.wide += item.slots > 1
        self._buffers.update(buffers)
        self._length += len(items)

    def take(self, count: int) -> list[TaskItem]:
        """The next ``count``, or as many as there are."""
        taken: list[TaskItem] = []
        while self._length and len(taken) < count:
            queue = self._first_queue()
            if self._cancelled and queue[0].attempt in self._cancelled:
                self._drop(queue)
                continue
            some = 1 if self._cancelled else min(count - len(taken), len(queue))
            taken += [queue.popleft() for _ in range(some)]
            self._length -= some
        if self.wide:
            self.wide -= sum(item.slots > 1 for item in taken)
        if not self._length:
            self._cancelled.clear()
        return taken

    def buffers_of(self, items: Iterable[TaskItem]) -> dict[int, Sequence[Any]]:
        """The buffers of items that were taken, by attempt; they are given once."""
        if not self._buffers:
            return {}
        return {item.attempt: self._buffers.pop(item.attempt) for item in items if item.attempt in self._buffers}

    def cancel(self, attempts: Iterable[int]) -> None:
        """Let those of ``attempts`` that wait never be taken."""
        if self._length:
            self._cancelled.update(attempts)

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

    def _drop(self, queue: deque[TaskItem]) -> None:
        item = queue.popleft()
        self._length -= 1
        self.wide -= item.slots > 1
        self._cancelled.discard(item.attempt)
        self._buffers.pop(item.attempt, None)

    def _keep_buffers(self, items: Sequence[TaskItem], buffers: Sequence[Any]) -> None:
        counts = [item.buffers for item in items]
        if any(count < 0 for count in counts) or sum(counts) != len(buffers):
            raise BadMessage(f"tasks that count {sum(counts)} buffers came with {len(buffers)}")
        start = 0
        for item, count in zip(items, counts, strict=True):
            if count:
                self._buffers[item.attempt] = buffers[start : start + count]
                start += count
