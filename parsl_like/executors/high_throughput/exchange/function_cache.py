"""The functions an interchange holds, so that each crosses the link from the driver once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.protocol import Function

CACHE_SIZE = 256 * 1024 * 1024
"""How many bytes of functions are kept; the least recently used ones beyond that are asked for again."""


class FunctionCache:
    """Functions by hash, the least recently used forgotten first.

    Args:
        limit: Bytes that are kept; the newest function is kept whatever its size.
    """

    def __init__(self, limit: int = CACHE_SIZE) -> None:
        self._functions: OrderedDict[bytes, Function] = OrderedDict()
        self._limit = limit
        self.size = 0
        """Bytes held now."""

    def put(self, function: Function) -> None:
        """Hold a function."""
        known = self._functions.pop(function.hash, None)
        self.size += len(function.blob) - (len(known.blob) if known else 0)
        self._functions[function.hash] = function
        while self.size > self._limit and len(self._functions) > 1:
            _, oldest = self._functions.popitem(last=False)
            self.size -= len(oldest.blob)

    def get(self, key: bytes) -> Function | None:
        """The function with this hash, None if it is not held."""
        function = self._functions.get(key)
        if function is not None:
            self._functions.move_to_end(key)
        return function
