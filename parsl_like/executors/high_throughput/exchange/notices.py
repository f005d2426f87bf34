"""Things a user should know, said once at once and then in sums, so that a flood of them is none of notices."""

from __future__ import annotations

from parsl_like.executors.high_throughput.protocol import Notice

DISTINCT = 50
"""How many different texts are told per period; the others are counted together."""

OTHERS = "more of the same kind"


class Notices:
    """Collects texts; gives the first of its kind at once, and how many followed once per period."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._fresh: dict[str, int] = {}
        self._later: dict[str, int] = {}

    def add(self, text: str, count: int = 1) -> None:
        """Something happened, so many times."""
        if text not in self._told and len(self._told) >= DISTINCT:
            text = OTHERS
        where = self._later if text in self._told else self._fresh
        where[text] = where.get(text, 0) + count
        self._told.add(text)

    def fresh(self) -> list[Notice]:
        """What has not been told in this period."""
        notices, self._fresh = [Notice(text, count) for text, count in self._fresh.items()], {}
        return notices

    def end_period(self) -> list[Notice]:
        """How often what was told happened again; then everything is new."""
        notices = [Notice(text, count) for text, count in self._later.items()]
        self._later.clear()
        self._told.clear()
        return notices
