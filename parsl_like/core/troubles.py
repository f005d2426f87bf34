"""What went wrong in a part of a run, kept for whoever asks how it is: what, how often, since when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

KEPT = 50
"""How many different texts are remembered; of more, those that were not seen for longest go."""


@dataclass(slots=True)
class Trouble:
    """One kind of thing that went wrong; times in seconds since the epoch."""

    kind: str
    text: str
    since: float
    last: float
    count: int


@dataclass(slots=True)
class Troubles:
    """All of them. Written by one thread; ``counts`` and ``described`` may be asked by any."""

    _counts: dict[str, int] = field(default_factory=dict)
    _latest: dict[tuple[str, str], Trouble] = field(default_factory=dict)

    def note(self, kind: str, text: str, now: float, count: int = 1) -> None:
        """Something went wrong.

        Args:
            kind: A word to count it under, like ``lost`` or ``dropped``.
            text: What happened, for people; the same text again only counts.
            now: The time, in seconds since the epoch.
            count: How often it happened.
        """
        self._counts[kind] = self._counts.get(kind, 0) + count
        known = self._latest.pop((kind, text), None) or Trouble(kind, text, now, now, 0)
        known.last, known.count = now, known.count + count
        self._latest[kind, text] = known
        if len(self._latest) > KEPT:
            del self._latest[next(iter(self._latest))]

    def count(self, kind: str) -> int:
        """How often something of a kind went wrong."""
        return self._counts.get(kind, 0)

    def described(self) -> list[dict[str, Any]]:
        """One dictionary for each, the latest last: ``kind``, ``text``, ``since``, ``last``, ``count``."""
        found = list(self._latest.values())
        return [{"kind": t.kind, "text": t.text, "since": t.since, "last": t.last, "count": t.count} for t in found]
