"""The functions an interchange holds, so that each crosses the link from the driver once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from parsl_like.executors.high_throughput.protocol import Function

CACHE_SIZE = 256 * 1024 * 1024
"""How many bytes of functions are kept; the least recently used ones beyond that are asked for again."""


class FunctionCache:
    """Functions by hash, the least recently used forgotten first, and who waits for those that are not there.

    Args:
        limit: Bytes that are kept; the newest function is kept whatever its size.
    """

    def __init__(self, limit: int = CACHE_SIZE) -> None:
        self._functions: OrderedDict[bytes, Function] = OrderedDict()
        self._wanted: dict[bytes, set[bytes]] = {}
        self._limit = limit
        self.size = 0
        """Bytes held now."""

    def put(self, function: Function) -> Collection[bytes]:
        """Hold a function; gives the managers that have waited for it."""
        known = self._functions.pop(function.hash, None)
        self.size += len(function.blob) - (len(known.blob) if known else 0)
        self._functions[function.hash] = function
        while self.size > self._limit and len(self._functions) > 1:
            _, oldest = self._functions.popitem(last=False)
            self.size -= len(oldest.blob)
        return self._wanted.pop(function.hash, ())

    def get(self, key: bytes) -> Function | None:
        """The function with this hash, None if it is not held."""
        function = self._functions.get(key)
        if function is not None:
            self._functions.move_to_end(key)
        return function

    def find(self, keys: Iterable[bytes], manager: bytes) -> tuple[list[Function], list[bytes]]:
        """The functions with these hashes; for those that are not held, the manager waits from now on.

        Returns:
            Those that are held, and the hashes that nobody had wanted before.
        """
        found, unknown = [], []
        for key in keys:
            if function := self.get(key):
                found.append(function)
            elif key in self._wanted:
                self._wanted[key].add(manager)
            else:
                unknown.append(key)
                self._wanted[key] = {manager}
        return found, unknown

    def wanted(self) -> list[bytes]:
        """The hashes of functions that managers wait for."""
        return list(self._wanted)
