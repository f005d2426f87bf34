"""The managers that want more, and who of them gets what waits."""

from __future__ import annotations

from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.exchange.roster import ManagerRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.executors.high_throughput.backlog import Backlog
    from parsl_like.executors.high_throughput.protocol import TaskItem

    Dealt = dict[ManagerRow, list[TaskItem]]


LOOKAHEAD = 100
"""How many attempts that fit nowhere now may be passed over for those behind them."""


class Openings:
    """Deals attempts to managers: first to slots that are free, wherever they are, then evenly as a stock.

    Args:
        pack: Fill the manager with the lowest rank first, so that others fall idle; otherwise they take turns.
    """

    def __init__(self, *, pack: bool = False) -> None:
        self._pack = pack
        self._with_slots: dict[bytes, ManagerRow] = {}
        self._with_credit: dict[bytes, ManagerRow] = {}

    def review(self, row: ManagerRow) -> None:
        """Note what a manager wants now; it goes to the end of the line."""
        key = row.register.manager
        self._with_slots.pop(key, None)
        self._with_credit.pop(key, None)
        if row.open and row.credit() > 0:
            self._with_credit[key] = row
            if row.free() > 0:
                self._with_slots[key] = row

    def remove(self, row: ManagerRow) -> None:
        """Forget a manager."""
        self._with_slots.pop(row.register.manager, None)
        self._with_credit.pop(row.register.manager, None)

    def deal(self, backlog: Backlog, widest: int = 1) -> Dealt:
        """Take from the backlog what managers want; they hold it from now on, and have to be reviewed.

        Args:
            backlog: What waits.
            widest: How many slots the largest manager has; an attempt that wants more gets as many.
        """
        dealt: Dealt = {}
        if not len(backlog) or not self._with_credit:
            return dealt
        if backlog.wide:
            self._deal_one_by_one(backlog, widest, dealt)
            return dealt
        if self._pack:
            rows = sorted(self._with_slots.values(), key=lambda row: row.rank)
        else:
            rows = list(islice(self._with_slots.values(), len(backlog)))
        _fill(backlog, rows, ManagerRow.free, dealt, even=not self._pack)
        if len(backlog):
            wanting = (row for row in self._with_credit.values() if row.credit() > 0)
            _fill(backlog, nsmallest(len(backlog), wanting, key=ManagerRow.depth), ManagerRow.credit, dealt, even=True)
        return dealt

    def validate(self, rows: dict[bytes, ManagerRow]) -> None:
        """Check that exactly those managers are listed that want more.

        Raises:
            ValueError: naming who should not be, or should.
        """
        credit = {key for key, row in rows.items() if row.open and row.credit() > 0}
        slots = {key for key in credit if rows[key].free() > 0}
        if self._with_credit.keys() != credit or self._with_slots.keys() != slots:
            raise ValueError(f"listed with credit {set(self._with_credit)}, with slots {set(self._with_slots)}")

    def _deal_one_by_one(self, backlog: Backlog, widest: int, dealt: Dealt) -> None:
        passed_over: list[TaskItem] = []
        while len(passed_over) < LOOKAHEAD and (items := backlog.take(1)):
            slots = min(max(items[0].slots, 1), widest)
            wanting = [row for row in self._with_credit.values() if row.credit() > 0]
            suited = [row for row in wanting if row.register.slots >= slots]
            row = next((row for row in suited if row.free() >= slots), None)
            row = row or min(suited, key=ManagerRow.depth, default=None)
            if row is not None:
                row.hold_wide(items[0], slots)
                dealt.setdefault(row, []).extend(items)
            else:
                passed_over += items
                if not wanting:
                    break
        backlog.put_back(passed_over, {})


def _fill(
    backlog: Backlog, rows: list[ManagerRow], room: Callable[[ManagerRow], int], dealt: Dealt, *, even: bool
) -> None:
    """Deal until nothing waits or no row has room; in rounds if it is to be even."""
    while rows:
        limit = -(-len(backlog) // len(rows)) if even else len(backlog)
        left = []
        for row in rows:
            items = backlog.take(min(limit, room(row)))
            if not items:
                return
            row.hold(items)
            dealt.setdefault(row, []).extend(items)
            if room(row) > 0:
                left.append(row)
        rows = left
