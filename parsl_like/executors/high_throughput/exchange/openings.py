"""The managers that want more, and who of them gets what waits."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from parsl_like.executors.high_throughput.exchange.roster import ManagerRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.executors.high_throughput.backlog import Backlog
    from parsl_like.executors.high_throughput.protocol import TaskItem

    Dealt = dict[ManagerRow, list[TaskItem]]
    Line = dict[bytes, ManagerRow]


LOOKAHEAD = 100
"""How many attempts that fit nowhere now may be passed over for those behind them."""

RUN = 64
"""How many attempts of one slot are dealt together at most while there are others of several slots."""

PORTIONS = 2
"""In how many portions at least a manager gets his share of what waits as a stock.

Some of it may take much longer than the rest, and what a manager has been given does not come back. So portions shrink
with what is left (factoring; Hummel, Schonberg and Flynn, "Factoring: a method for scheduling parallel loops", 1992).
"""

_DEPTHS = 16


class Openings:
    """Deals attempts to managers: first to slots that are free, wherever they are, then evenly as a stock.

    Each manager that wants more stands in one line: with those that have a free slot, or with those at which about as
    much waits for each slot. So a turn costs what it deals, however many managers there are.

    Args:
        pack: Fill the manager with the lowest rank first, so that others fall idle; otherwise they take turns.
    """

    def __init__(self, *, pack: bool = False) -> None:
        self._pack = pack
        self._free: dict[str, Line] = {}
        if not pack:
            self._free[""] = {}
        self._blocks: list[tuple[Any, str]] = []
        self._listed: set[str] = set()
        self._stock: list[Line] = [{} for _ in range(_DEPTHS)]

    def review(self, row: ManagerRow) -> None:
        """Note what a manager wants now; it goes to the end of its line."""
        key = row.register.manager
        if row.line is not None:
            del row.line[key]
        row.line = line = self._line_of(row)
        if line is not None:
            line[key] = row

    def remove(self, row: ManagerRow) -> None:
        """Forget a manager."""
        if row.line is not None:
            del row.line[row.register.manager]
            row.line = None

    def deal(self, backlog: Backlog, widest: int = 1, managers: int = 1, dealt: Dealt | None = None) -> Dealt:
        """Take from the backlog what managers want; they hold it from now on.

        Args:
            backlog: What waits.
            widest: How many slots the largest manager has; an attempt that wants more gets as many.
            managers: How many there are, those included that want nothing at the moment.
            dealt: What has been dealt in this turn, to which the rest is added.
        """
        dealt = {} if dealt is None else dealt
        if backlog.wide:
            self._deal_mixed(backlog, widest, managers, dealt)
        elif len(backlog) == 1 and (row := self._first()):
            self._hand(row, backlog.take(1), dealt)
        else:
            self._deal_narrow(backlog, len(backlog), managers, dealt)
        return dealt

    def with_slots(self) -> list[ManagerRow]:
        """The managers with a free slot, in the order in which they are filled, or else in that in which they end."""
        if self._pack:
            lines = [self._free[block] for _, block in sorted(self._blocks)]
            return [row for line in lines for row in line.values()]
        return sorted(self._free[""].values(), key=lambda row: row.ends)

    def with_stock(self) -> list[ManagerRow]:
        """The managers that want more, although all their slots are taken; the emptiest first."""
        return list(chain.from_iterable(map(dict.values, self._stock)))

    def hand(self, row: ManagerRow, items: list[TaskItem], dealt: Dealt, widest: int) -> None:
        """Give what was taken to a manager; what holds several slots comes alone."""
        if items[0].slots > 1:
            row.hold_wide(items[0], min(items[0].slots, widest))
            self.review(row)
            dealt.setdefault(row, []).extend(items)
        else:
            self._hand(row, items, dealt)

    def validate(self, rows: dict[bytes, ManagerRow]) -> None:
        """Check that exactly those managers are listed that want more.

        Raises:
            ValueError: naming who should not be, or should.
        """
        credit = {key for key, row in rows.items() if row.open and row.credit() > 0}
        slots = {key for key in credit if rows[key].free() > 0}
        with_slots = {key for line in self._free.values() for key in line}
        with_credit = with_slots.union(*self._stock)
        if with_credit != credit or with_slots != slots:
            raise ValueError(f"listed with credit {with_credit}, with slots {with_slots}")

    # --- lines

    def _line_of(self, row: ManagerRow) -> Line | None:
        held = len(row.held)
        if row.capacity <= held or not row.open:
            return None
        slots = row.register.slots
        free = slots - held - row.extra
        if free <= 0:
            return self._stock[min((-free // slots).bit_length(), _DEPTHS - 1)]
        return self._block(row) if self._pack else self._free[""]

    def _block(self, row: ManagerRow) -> Line:
        block = row.register.block
        if block not in self._listed:
            self._listed.add(block)
            heappush(self._blocks, (row.rank, block))
        return self._free.setdefault(block, {})

    def _first_block(self) -> Line:
        """The line of the lowest block that has a free slot; an empty one if there is none."""
        while self._blocks:
            block = self._blocks[0][1]
            if line := self._free[block]:
                return line
            heappop(self._blocks)
            self._listed.discard(block)
            del self._free[block]
        return {}

    def _first(self) -> ManagerRow | None:
        """Who comes next of those that have a free slot."""
        for row in (self._first_block() if self._pack else self._free[""]).values():
            return row
        return None

    # --- dealing

    def _deal_narrow(self, backlog: Backlog, count: int, managers: int, dealt: Dealt) -> int:
        """Deal the next ``count``, all of one slot; gives how many were dealt."""
        left = count
        while self._pack and left and (row := self._first()):
            left -= self._hand(row, backlog.take(min(left, row.free())), dealt) or left
        while not self._pack and left and (rows := list(islice(self._free[""].values(), left))):
            left = self._share_out(backlog, left, rows, len(rows), ManagerRow.free, dealt)
        if left and (rows := list(islice(chain.from_iterable(map(dict.values, self._stock)), left))):
            among = max(len(rows), PORTIONS * managers if managers > 1 else 1)
            left = self._share_out(backlog, left, rows, among, ManagerRow.credit, dealt)
        return count - left

    def _share_out(
        self,
        backlog: Backlog,
        count: int,
        rows: list[ManagerRow],
        among: int,
        room: Callable[[ManagerRow], int],
        dealt: Dealt,
    ) -> int:
        """Give each his share, as far as he has room; gives how many are left."""
        share = -(-count // among)
        for row in rows:
            given = self._hand(row, backlog.take(min(share, count, room(row))), dealt)
            count = count - given if given else 0  # all that was left had been cancelled
            if not count:
                break
        return count

    def _hand(self, row: ManagerRow, items: list[TaskItem], dealt: Dealt) -> int:
        if items:
            row.hold(items)
            self.review(row)
            if row in dealt:
                dealt[row] += items
            else:
                dealt[row] = items
        return len(items)

    def _deal_mixed(self, backlog: Backlog, widest: int, managers: int, dealt: Dealt) -> None:
        """Deal in order; an attempt of several slots for which nobody has credit lets those behind it pass."""
        passed_over: list[TaskItem] = []
        hopeless = widest + 1
        while len(passed_over) < LOOKAHEAD and self._anybody():
            if run := backlog.narrow_run(RUN):
                if not self._deal_narrow(backlog, run, managers, dealt):
                    break
            elif items := backlog.take(1):
                slots = min(items[0].slots, widest)
                row = self._suited(slots) if slots < hopeless else None
                if row is None:
                    hopeless = min(slots, hopeless)
                    passed_over += items
                else:
                    row.hold_wide(items[0], slots)
                    self.review(row)
                    dealt.setdefault(row, []).extend(items)
            else:
                break
        backlog.put_back(passed_over, {})

    def _anybody(self) -> bool:
        return self._first() is not None or any(self._stock)

    def _suited(self, slots: int) -> ManagerRow | None:
        """The manager that can run so many slots at once, or else, of those with so many, one at which little waits."""
        for row in chain.from_iterable(map(dict.values, self._free.values())):
            if row.free() >= slots:
                return row
        tight = [row for line in self._free.values() for row in line.values() if row.register.slots >= slots]
        stocked = (row for line in self._stock for row in line.values() if row.register.slots >= slots)
        return min(tight, key=ManagerRow.depth) if tight else next(stocked, None)
