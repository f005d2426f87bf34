"""Things a user should know, said once at once and then in sums, so that a flood of them is none of notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.protocol import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

DISTINCT = 50
"""How many different texts are told per period; the others are counted together."""

OTHERS = "more of the same kind"

_Key = tuple[str, str]
"""Kind and text."""


class Notices:
    """Collects texts; gives the first of its kind at once, and how many followed once per period."""

    def __init__(self) -> None:
        self._told: set[_Key] = set()
        self._fresh: dict[_Key, int] = {}
        self._later: dict[_Key, int] = {}

    def add(self, text: str, count: int = 1, kind: str = "warning") -> None:
        """Something of a kind happened, so many times."""
        key = (kind, text)
        if key not in self._told and len(self._told) >= DISTINCT:
            key = (kind, OTHERS)
        where = self._later if key in self._told else self._fresh
        where[key] = where.get(key, 0) + count
        self._told.add(key)

    def fresh(self) -> list[Notice]:
        """What has not been told in this period."""
        notices, self._fresh = _notices(self._fresh), {}
        return notices

    def end_period(self) -> list[Notice]:
        """How often what was told happened again; then everything is new."""
        notices = _notices(self._later)
        self._later.clear()
        self._told.clear()
        return notices


def _notices(counts: Mapping[_Key, int]) -> list[Notice]:
    return [Notice(text, count, kind) for (kind, text), count in counts.items()]
