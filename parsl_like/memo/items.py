"""What waits to be written to a checkpoint."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from parsl_like.journal.frames import Draft
from parsl_like.memo.entries import FORGOTTEN, RESULT, encode_body, encode_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.memo.entries import Parts

ADDED: Final = 0
TOLD: Final = 1
"""Whoever waits for it has been told how its writing went."""
HOPELESS: Final = 2
"""It cannot be written, whatever becomes of the disk."""
COPIED: Final = 3
"""A record of another file; nobody waits for it."""
FORGET: Final = 4
"""That there is no such result any more; nobody waits for it."""

OVERHEAD: Final = 500
"""About how many bytes of memory something takes beside its value."""


class Waits:
    """Tells somebody when several items have been settled, and whether all of them are written.

    Args:
        count: How many items there are.
        settled: Called once.
    """

    __slots__ = ("_left", "_lock", "_ok", "_settled")

    def __init__(self, count: int, settled: Callable[[bool], None]) -> None:
        self._left, self._ok, self._settled = count, True, settled
        self._lock = threading.Lock()

    def one(self, *, ok: bool) -> None:
        """One more has been settled."""
        with self._lock:
            self._ok = self._ok and ok
            self._left -= 1
            is_last = not self._left
        if is_last:
            self._settled(self._ok)


class Item:
    """Something to be written.

    Attributes:
        key: The packed key; empty for what is about all.
        text: The key.
        blob: The pickle of a value; None for what has no value.
        time: When it was remembered, in seconds since the epoch.
        state: What is to be done with it, and what has been.
        size: About how many bytes of memory it holds.
        source: Gives head and body of a record that is to be copied.
        waits: Who waits for it together with others.
    """

    __slots__ = ("blob", "key", "name", "parts", "size", "source", "state", "task", "text", "time", "waits")

    def __init__(
        self,
        key: bytes,
        text: str,
        blob: bytes | None = None,
        parts: Parts = (),
        name: str = "",
        task: int = -1,
        state: int = ADDED,
    ) -> None:
        self.key = key
        self.text = text
        self.blob = blob
        self.parts = parts
        self.name = name
        self.task = task
        self.state = state
        self.time = 0.0
        self.size = OVERHEAD if blob is None else OVERHEAD + len(blob)
        self.source: Callable[[], tuple[bytes, bytes]] | None = None
        self.waits: Waits | None = None

    def draft(self) -> Draft:
        """The record that says it.

        Raises:
            ParslError, OSError: what is to be copied cannot be read.
        """
        if self.source is not None:
            head, body = self.source()
            return Draft(RESULT, head, (body,))
        if self.state == FORGET:
            return Draft(FORGOTTEN, encode_head(self.key, self.time))
        head = encode_head(self.key, self.time, self.task, self.name, self.parts)
        return Draft(RESULT, head, encode_body(self.text, self.blob or b"", self.parts))
