"""What became of the attempts that an interchange knew of which is no more. No clock, no socket.

Managers go on while there is no interchange, and tell the next one what they hold. What none of them names was waiting
in the interchange, or on its way, or is held by a manager that does not come back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

RETURN_S = 10.0
"""Seconds that managers have to find a new interchange, once it listens."""


class Doubt:
    """The attempts that have not been accounted for since an interchange was lost.

    Args:
        attempts: What had been handed to it and not come back.
        managers: Who was connected to it.
        gone: Those of them that are not waited for, since their block is over.

    Attributes:
        until: When there is nothing more to wait for, in monotonic seconds; infinity until the new one listens.
    """

    def __init__(self, attempts: Iterable[int], managers: Iterable[bytes], gone: Iterable[bytes] = ()) -> None:
        self._attempts = set(attempts)
        self._absent = set(managers)
        self._gone = set(gone)
        self.until = math.inf

    def listening(self, now: float) -> None:
        """The new interchange can be found."""
        self.until = min(self.until, now + RETURN_S)

    def returned(self, manager: bytes, attempts: Collection[int]) -> None:
        """A manager is back, and has these."""
        self._absent.discard(manager)
        self._attempts.difference_update(attempts)

    def ended(self, managers: Iterable[bytes]) -> None:
        """The block of managers is over: if they are absent, they do not come back."""
        self._gone.update(managers)

    def is_over(self, now: float) -> bool:
        """Whether all that can be known is known."""
        return now >= self.until or (self._absent <= self._gone and self.until < math.inf)

    @property
    def absent(self) -> frozenset[bytes]:
        """Managers that have not come back."""
        return frozenset(self._absent)

    def unaccounted(self, held: Collection[int]) -> tuple[list[int], bool]:
        """Of what is still held: the attempts that nobody has, and whether they may have begun."""
        return sorted(self._attempts.intersection(held)), bool(self._absent)
