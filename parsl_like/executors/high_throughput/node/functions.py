"""The functions of a node's tasks: written once by the manager, read by each worker when it first needs them.

They lie in one anonymous file that all workers inherit, and every task says where in it its function is. So a function
never travels through a worker's pipe, where it could be taken back together with the task it came before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from parsl_like.serialize.functions import unpack_function
from parsl_like.serialize.segments import anonymous_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from parsl_like.executors.high_throughput.protocol import TaskItem

KEPT = 256
"""How many functions a worker keeps ready to be called."""

FORGET_ABOVE = 64 * 1024 * 1024
"""Bytes of functions beyond which a manager that holds no task forgets them; it asks again for those it needs."""


class Shelf:
    """The manager's side: where each function lies.

    Args:
        descriptor: The file, empty; its own if there is none given.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = anonymous_file("parsl_like-functions") if descriptor is None else descriptor
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0

    def put(self, digest: bytes, blob: bytes) -> None:
        """Keep a function; a second time is the same as once.

        Raises:
            OSError: if there is no room for it.
        """
        if digest in self._places:
            return
        view, start = memoryview(blob), self._end
        while view:
            written = os.pwrite(self.descriptor, view, self._end)
            view, self._end = view[written:], self._end + written
        self._places[digest] = (start, len(blob))

    def place(self, digest: bytes) -> tuple[int, int] | None:
        """Where a function begins and how long it is, in bytes; None if it is not here."""
        return self._places.get(digest)

    def forget_if_large(self) -> None:
        """Drop everything once there is much of it; to be called only while no worker holds a task."""
        if self._end > FORGET_ABOVE:
            os.ftruncate(self.descriptor, 0)
            self._places.clear()
            self._end = 0

    def close(self) -> None:
        """Release the file."""
        os.close(self.descriptor)


class Parked:
    """Attempts that wait for their function to come, each with its buffers."""

    def __init__(self) -> None:
        self._by_function: dict[bytes, list[tuple[TaskItem, Sequence[Any]]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_function.values()))

    def park(self, item: TaskItem, buffers: Sequence[Any]) -> None:
        """Keep an attempt until its function is there."""
        self._by_function.setdefault(item.function, []).append((item, buffers))

    def release(self, digest: bytes) -> list[tuple[TaskItem, Sequence[Any]]]:
        """The attempts that waited for this function; they are kept no more."""
        return self._by_function.pop(digest, [])

    def remove(self, attempts: Collection[int]) -> list[int]:
        """Forget those of the attempts that wait here; gives them."""
        found = [attempt for attempt in self.attempts() if attempt in attempts]
        if found:
            self._by_function = {
                digest: kept
                for digest, pairs in self._by_function.items()
                if (kept := [pair for pair in pairs if pair[0].attempt not in attempts])
            }
        return found

    def functions(self) -> list[bytes]:
        """The hashes of the functions that are waited for."""
        return list(self._by_function)

    def attempts(self) -> list[int]:
        """Every attempt that waits here."""
        return [item.attempt for pairs in self._by_function.values() for item, _ in pairs]


class Functions:
    """The worker's side: functions by their hash, each unpacked once.

    Args:
        descriptor: The manager's file.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._ready: dict[bytes, Callable[..., Any]] = {}

    def get(self, digest: bytes, start: int, length: int) -> Callable[..., Any]:
        """The function with this hash, read from its place if it is new.

        Raises:
            DeserializationError: if it cannot be rebuilt here.
            OSError: if it cannot be read.
        """
        function = self._ready.get(digest)
        if function is None:
            function = unpack_function(os.pread(self.descriptor, length, start))
            if len(self._ready) >= KEPT:
                del self._ready[next(iter(self._ready))]
            self._ready[digest] = function
        return function
