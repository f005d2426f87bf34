"""Who has time for what: managers that say when they end, attempts that say how long they may run. No clock.

None of this is used before the first manager comes that ends. An attempt with a walltime is given to a manager only if
it would end before that does. One that may run for nearly as long as a block lives, or for longer, could never be given
to anybody by that rule: it goes to a manager that has only just begun.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.exchange.openings import PORTIONS
from parsl_like.executors.high_throughput.exchange.roster import ManagerRow
from parsl_like.executors.high_throughput.exchange.timed_backlog import TimedBacklog, longest_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.executors.high_throughput.backlog import Backlog
    from parsl_like.executors.high_throughput.exchange.openings import Dealt, Openings
    from parsl_like.executors.high_throughput.exchange.roster import Roster
    from parsl_like.executors.high_throughput.protocol import TaskItem

FRESH_SHARE = 0.9
"""A manager has only just begun while it has so much of its life ahead."""

STOCK_S = 5.0
"""An attempt for which no slot is free is given in advance only where there is so much more time than it may need."""

STOCK_SHARE = 0.5
"""Nor if it may need more than this share of the manager's life."""

TELL_S = 0.1
"""Seconds between two numbers of stranded attempts that are told, unless there was none, or is none."""


class Lifetimes:
    """Deals what waits while managers come to an end, and counts what none of them has time for.

    Args:
        rows: All managers.
        openings: Those of them that want something.
        backlog: What waits so far.

    Attributes:
        waiting: What waits from now on.
    """

    def __init__(self, rows: Roster, openings: Openings, backlog: Backlog) -> None:
        self.waiting = TimedBacklog(backlog)
        self._rows = rows
        self._openings = openings
        self._latest = self._life = math.inf
        self._told = 0
        self._tell_at = -math.inf
        self._is_due = False
        rows.changed = True

    # --- dealing

    def deal(self, now: float) -> Dealt:
        """Take from what waits what managers want and have time for; they hold it from now on."""
        dealt: Dealt = {}
        plain = self.waiting.plain
        if self.waiting.lanes:
            self._look()
            self._fill(now, dealt)
        if len(plain):
            wide, widest = plain.wide, self._rows.widest() if plain.wide else 1
            self._openings.deal(plain, widest, len(self._rows), dealt)
            if wide and self.waiting.lanes:  # those of several slots were in front
                self._fill(now, dealt)
        return dealt

    def _fill(self, now: float, dealt: Dealt) -> None:
        """Deal to free slots, then in advance, whatever a manager has time for."""
        while rows := self._openings.with_slots():
            share = -(-len(self.waiting) // len(rows))
            if not self._sweep(rows, ManagerRow.free, share, now, dealt):
                break
        if rows := self._openings.with_stock():
            managers = len(self._rows)
            among = max(len(rows), PORTIONS * managers if managers > 1 else 1)
            self._sweep(rows, ManagerRow.credit, -(-len(self.waiting) // among), now, dealt)

    def _sweep(
        self, rows: list[ManagerRow], room: Callable[[ManagerRow], int], share: int, now: float, dealt: Dealt
    ) -> bool:
        """Give each manager its share, as far as it has room and time; False if nothing was given."""
        given, widest = False, self._rows.widest()
        spare = STOCK_S if room is ManagerRow.credit else 0.0
        for row in rows:
            left = min(share, room(row))
            while left > 0 and (items := self._next_for(row, left, now, spare)):
                self._openings.hand(row, items, dealt, widest)
                left = min(left - len(items), room(row))
                given = True
        return given

    def _next_for(self, row: ManagerRow, most: int, now: float, spare: float) -> list[TaskItem]:
        """The next that a manager has time for; several, if it makes no difference."""
        waiting = self.waiting
        found = self._lane_for(row, now, spare)
        plain = waiting.plain.first()
        if plain is not None and (found is None or _order(plain) < _order(found[1])):
            if plain.slots > 1:  # it is dealt with the others of its kind
                return []
            return waiting.plain.take(1 if found or waiting.plain.wide else most)
        if found is None:
            return []
        lane, item = found
        alone = plain is None and len(waiting.lanes) == 1 and not lane.wide
        if alone and self._need(longest_like(item.walltime)) <= row.ends - now - spare:
            return waiting.take(lane, most)
        return waiting.take(lane, 1)

    def _lane_for(self, row: ManagerRow, now: float, spare: float) -> tuple[Backlog, TaskItem] | None:
        """The lane from which a manager is to be given something, and what is next there; None if it has no time."""
        left = row.ends - now - spare
        if spare:
            left = min(left, STOCK_SHARE * row.life)
        widest = self._rows.widest()
        fitting = [
            (lane, item)
            for lane, item in self.waiting.heads()
            if self._need(item.walltime) <= left and min(item.slots, widest) <= row.register.slots
        ]
        return min(fitting, key=lambda pair: _order(pair[1]), default=None)

    def _need(self, walltime: float) -> float:
        """How many seconds a manager must have left for an attempt of this walltime."""
        most = FRESH_SHARE * self._life
        return min(walltime, most) if walltime > 0 else most

    def _look(self) -> None:
        """See when the last of those ends that take something, and how long one lives, going by who came last."""
        if self._rows.changed:
            self._rows.changed = False
            there = [row for row in self._rows.values() if not (row.draining or row.leaving)]
            self._latest = max((row.ends for row in there), default=-math.inf)
            self._life = there[-1].life if there else self._life

    # --- what nobody has time for

    def stranded(self, now: float) -> int:
        """How many attempts wait that no manager takes any more, though there is one."""
        self._look()
        if self._latest == -math.inf:
            return len(self.waiting) if self._rows else 0
        if not self.waiting.lanes or self._latest == math.inf:
            return 0
        left = self._latest - now
        return sum(len(lane) for lane, item in self.waiting.heads() if self._need(item.walltime) > left)

    def news(self, now: float) -> int | None:
        """The number of those, if it is another than was told the last time."""
        count = self.stranded(now)
        changed = count != self._told
        self._is_due = changed and now < self._tell_at and 0 not in (count, self._told)
        if not changed or self._is_due:
            return None
        self._told, self._tell_at = count, now + TELL_S
        return count

    def deadline(self) -> float:
        """When the next news is due that was held back."""
        return self._tell_at if self._is_due else math.inf


def _order(item: TaskItem) -> tuple[float, int]:
    """What comes first: by priority, and among equals by their number, which is their age."""
    return item.priority, item.attempt
