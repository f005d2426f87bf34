"""Results of managers that have not been taken (yet): nobody hears of them before their manager is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BATCHES = 256
"""So many batches of all managers are kept; others come again, as a manager keeps what is not acknowledged."""


class Batch(NamedTuple):
    """A message of results: its frame, and the parts that follow it."""

    frame: bytes
    parts: Sequence[Any]


class EarlyResults:
    """Keeps batches until their manager has been taken, for a period or two.

    A key lets a manager in, but whoever has only that, and is no manager of this run, has no results of it either.
    After a restart of the interchange, results may overtake the registration that goes before them.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, list[Batch]] = {}
        self._old: dict[bytes, list[Batch]] = {}
        self._count = 0

    def keep(self, manager: bytes, frame: bytes, parts: Sequence[Any]) -> None:
        """Results have come of somebody who is not known."""
        if self._count < MOST_BATCHES:
            self._count += 1
            self._young.setdefault(manager, []).append(Batch(frame, parts))

    def take(self, manager: bytes) -> list[Batch]:
        """What has been kept of a manager, in its order; it is kept no longer."""
        if not self._count:
            return []
        found = [*self._old.pop(manager, ()), *self._young.pop(manager, ())]
        self._count -= len(found)
        return found

    def end_period(self) -> None:
        """Forget what has been kept for more than a period."""
        self._count -= sum(map(len, self._old.values()))
        self._old, self._young = self._young, {}


class EarlyAttempts:
    """Which attempts such results were of; kept for a period or two, as long as the registration may be on its way."""

    def __init__(self) -> None:
        self._young: dict[bytes, set[int]] = {}
        self._old: dict[bytes, set[int]] = {}

    def note(self, manager: bytes, attempts: Sequence[int]) -> None:
        """Results of these have come of somebody who is not known."""
        self._young.setdefault(manager, set()).update(attempts)

    def take(self, manager: bytes) -> set[int]:
        """What has been noted of a manager; it is kept no longer."""
        return self._young.pop(manager, set()) | self._old.pop(manager, set())

    def end_period(self) -> None:
        """Forget what has been kept for more than a period."""
        self._old, self._young = self._young, {}
