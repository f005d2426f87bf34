"""Which blocks have nothing to do: their edges, told late enough not to flicker with every task."""

from __future__ import annotations

SETTLING = 1.0
"""Seconds for which a block must have had nothing to do before it is called idle."""


class Idleness:
    """Counts the managers of each block that hold something, and says when a block falls idle or wakes.

    A block is idle when it has managers and none of them has held anything for :data:`SETTLING` seconds.
    """

    def __init__(self) -> None:
        self._managers: dict[str, int] = {}
        self._busy: dict[str, int] = {}
        self._changed: set[str] = set()
        # In the order of time, so that only the first has to be looked at.
        self._since: dict[str, float] = {}
        self._told: set[str] = set()

    def join(self, block: str) -> None:
        """A manager, holding nothing, came to a block."""
        self._managers[block] = self._managers.get(block, 0) + 1
        self._changed.add(block)

    def leave(self, block: str) -> None:
        """A manager that holds nothing left a block."""
        self._managers[block] -= 1
        self._changed.add(block)

    def count(self, block: str, busy: int) -> None:
        """One more (1) or less (-1) of the block's managers holds something."""
        number = self._busy[block] = self._busy.get(block, 0) + busy
        if number == (busy > 0):  # it is the first one, or was the last
            self._changed.add(block)

    def edges(self, now: float) -> dict[str, bool]:
        """Blocks that fell idle (True) or woke (False) since the last call."""
        edges: dict[str, bool] = {}
        if not (self._changed or self._since):
            return edges
        for block in self._changed:
            if not self._managers[block]:
                self._forget(block)
            elif self._busy.get(block):
                self._since.pop(block, None)
                if block in self._told:
                    self._told.discard(block)
                    edges[block] = False
            elif block not in self._told:
                self._since.setdefault(block, now)
        self._changed.clear()
        while self._since and now - next(iter(self._since.values())) >= SETTLING:
            block = next(iter(self._since))
            del self._since[block]
            self._told.add(block)
            edges[block] = True
        return edges

    def deadline(self) -> float | None:
        """When the next block falls idle if nothing happens before; None if none will."""
        return next(iter(self._since.values())) + SETTLING if self._since else None

    def validate(self, expected: dict[str, tuple[int, int]]) -> None:
        """Check the counts of managers, and of busy ones, of each block.

        Raises:
            ValueError: naming what differs.
        """
        counted = {block: (number, self._busy.get(block, 0)) for block, number in self._managers.items() if number}
        if counted != expected:
            raise ValueError(f"blocks are counted as {counted} but are {expected}")

    def _forget(self, block: str) -> None:
        del self._managers[block]
        self._busy.pop(block, None)
        self._since.pop(block, None)
        self._told.discard(block)
