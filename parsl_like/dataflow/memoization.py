"""The seam of memoization: key, lookup, attach, acknowledged remember (``core.ports.Memo``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class NoMemo:
    """Remembers nothing: ``cache=True`` is accepted, and every call runs."""

    def key(self, task: Mapping[str, Any]) -> str | None:
        """No call has a key."""
        return None

    def lookup(self, key: str) -> tuple[bool, Any]:
        """Nothing is ever found."""
        return False, None

    def attach(self, key: str, task: int) -> int | None:
        """No equal call is ever in flight."""
        return None

    def remember(self, key: str, value: Any, acknowledge: Callable[[], None]) -> None:
        """Acknowledged at once: nothing was promised."""
        acknowledge()

    def checkpoint(self) -> None:
        """There is nothing to write."""

    def close(self) -> None:
        """There is nothing to release."""
