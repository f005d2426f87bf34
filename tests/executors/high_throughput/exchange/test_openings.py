"""Who of the managers gets what waits."""

from __future__ import annotations

from collections import Counter

import pytest

from parsl_like.executors.high_throughput.backlog import Backlog
from parsl_like.executors.high_throughput.exchange.openings import Openings
from parsl_like.executors.high_throughput.exchange.roster import ManagerRow
from parsl_like.executors.high_throughput.protocol import PROTOCOL_VERSION, Register, TaskItem


def row(name: str, *, slots: int, capacity: int, held: int = 0, block: int = 0) -> ManagerRow:
    register = Register(
        PROTOCOL_VERSION, "run", name.encode(), str(block), "node", 1, slots, capacity, 1, 1, [], "3", "1", {}, "ipc"
    )
    return ManagerRow(register, 0.0, capacity, {-n for n in range(1, held + 1)}, linked=True, rank=block)


def openings(*rows: ManagerRow, pack: bool = False) -> Openings:
    made = Openings(pack=pack)
    for one in rows:
        made.review(one)
    return made


def backlog(count: int, *, slots: int = 1) -> Backlog:
    waiting = Backlog()
    waiting.append([TaskItem(n, b"f", b"", slots=slots) for n in range(count)])
    return waiting


def dealt(dealing: Openings, waiting: Backlog, widest: int = 1) -> Counter[str]:
    given = dealing.deal(waiting, widest).items()
    return Counter({row.register.manager.decode(): len(items) for row, items in given})


def test_every_free_slot_is_used_before_anything_queues() -> None:
    waiting = backlog(6)
    many, few = row("many", slots=2, capacity=100), row("few", slots=4, capacity=4)
    assert dealt(openings(many, few), waiting) == {"many": 2, "few": 4}
    assert len(waiting) == 0


def test_what_exceeds_the_slots_is_stocked_evenly() -> None:
    waiting = backlog(50)
    a, b, c = (row(name, slots=2, capacity=capacity) for name, capacity in (("a", 12), ("b", 12), ("c", 3)))
    assert dealt(openings(a, b, c), waiting) == {"a": 12, "b": 12, "c": 3}
    assert len(waiting) == 23


def test_nobody_is_stocked_with_what_others_may_want_soon() -> None:
    waiting, only = backlog(42), row("only", slots=2, capacity=100)
    given = []
    while len(waiting):
        dealing = openings(only)
        given.append(sum(map(len, dealing.deal(waiting, managers=4).values())))
    assert given == [2 + 5, 5, 4, 4, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]


def test_the_emptiest_manager_is_stocked_first() -> None:
    full, empty = row("full", slots=2, capacity=9, held=8), row("empty", slots=2, capacity=9, held=2)
    assert dealt(openings(full, empty), backlog(1)) == {"empty": 1}


def test_a_few_attempts_are_spread() -> None:
    rows = [row(str(n), slots=4, capacity=4) for n in range(3)]
    assert dealt(openings(*rows), backlog(3)) == {"0": 1, "1": 1, "2": 1}


def test_managers_take_turns() -> None:
    rows = [row(str(n), slots=4, capacity=4) for n in range(3)]
    dealing = openings(*rows)
    order = []
    for _ in range(6):
        (served,) = dealing.deal(backlog(1))
        served.held.clear()
        order.append(served.register.manager)
        dealing.review(served)
    assert order == [b"0", b"1", b"2"] * 2


def test_packing_fills_the_lowest_block_first() -> None:
    rows = [row("new", slots=4, capacity=8, block=10), row("old", slots=4, capacity=8, block=9)]
    assert dealt(openings(*rows, pack=True), backlog(5)) == {"old": 4, "new": 1}


@pytest.mark.parametrize("state", ["draining", "leaving", "linked"])
def test_who_is_not_open_gets_nothing(state: str) -> None:
    closed = row("closed", slots=4, capacity=4)
    setattr(closed, state, {"draining": True, "leaving": "bye", "linked": False}[state])
    dealing = openings(closed)
    assert dealing.deal(backlog(2)) == {}
    dealing.validate({b"closed": closed})


def test_a_manager_that_wants_nothing_gets_nothing() -> None:
    assert openings(row("full", slots=4, capacity=0)).deal(backlog(2)) == {}


def test_an_attempt_that_holds_several_slots_goes_where_they_are_free() -> None:
    small, large = row("small", slots=2, capacity=2), row("large", slots=4, capacity=4)
    dealing, waiting = openings(small, large), backlog(1, slots=3)
    assert dealt(dealing, waiting, 4) == {"large": 1}
    assert (large.free(), large.credit()) == (1, 3)
    waiting.append([TaskItem(9, b"f", b"", slots=2), TaskItem(10, b"f", b"")])
    assert dealt(dealing, waiting, 4) == {"small": 1, "large": 1}


def test_an_attempt_larger_than_any_manager_gets_all_of_the_largest() -> None:
    small, large = row("small", slots=2, capacity=2), row("large", slots=3, capacity=3)
    assert dealt(openings(small, large), backlog(1, slots=64), 3) == {"large": 1}
    assert large.free() == 0


def test_without_free_slots_a_wide_attempt_waits_where_least_waits_and_then_in_the_backlog() -> None:
    a, b = row("a", slots=2, capacity=4, held=3), row("b", slots=2, capacity=4, held=2)
    waiting = backlog(4, slots=2)
    dealing = openings(a, b)
    assert dealt(dealing, waiting, 2) == {"b": 2, "a": 1}
    assert len(waiting) == 1


def test_a_wide_attempt_that_fits_nowhere_does_not_hold_up_those_behind_it() -> None:
    small, large = row("small", slots=2, capacity=2), row("large", slots=8, capacity=8, held=8)
    waiting = backlog(3, slots=8)
    waiting.append([TaskItem(9, b"f", b""), TaskItem(10, b"f", b"")])
    assert dealt(openings(small, large), waiting, 8) == {"small": 2}
    assert [item.attempt for item in waiting] == [0, 1, 2]


def test_those_of_one_slot_are_spread_before_and_behind_a_wide_one() -> None:
    rows = [row(str(n), slots=4, capacity=4) for n in range(3)]
    waiting = backlog(3)
    waiting.append([TaskItem(9, b"f", b"", slots=4), *(TaskItem(n, b"f", b"") for n in range(10, 16))])
    dealing = openings(*rows)
    given = {r.register.manager: [i.attempt for i in items] for r, items in dealing.deal(waiting, 4).items()}
    assert given == {b"0": [0, 9], b"1": [1, 10, 11, 12], b"2": [2, 13, 14, 15]}
    dealing.validate({r.register.manager: r for r in rows})


def test_packing_goes_on_with_a_block_that_was_full() -> None:
    rows = [row(str(n), slots=1, capacity=1, block=n) for n in range(3)]
    dealing = openings(*rows, pack=True)
    assert dealt(dealing, backlog(2)) == {"0": 1, "1": 1}
    for free in (rows[1], rows[0]):
        free.release(list(free.held))
        dealing.review(free)
    assert dealt(dealing, backlog(1)) == {"0": 1}
    assert dealt(dealing, backlog(5)) == {"1": 1, "2": 1}
    assert len(dealing._blocks) == 0


def test_packing_deals_wide_ones_too() -> None:
    rows = [row(str(n), slots=2, capacity=2, block=n) for n in range(2)]
    waiting = backlog(2, slots=2)
    waiting.append([TaskItem(9, b"f", b"")])
    dealing = openings(*rows, pack=True)
    assert dealt(dealing, waiting, 2) == {"0": 2, "1": 1}
    assert [item.attempt for item in waiting] == []


def test_nothing_is_dealt_when_all_that_waited_was_cancelled() -> None:
    waiting = backlog(3)
    waiting.cancel([0, 1, 2])
    assert openings(row("a", slots=2, capacity=4)).deal(waiting) == {}


def test_a_removed_manager_gets_nothing() -> None:
    gone = row("gone", slots=2, capacity=2)
    dealing = openings(gone)
    dealing.remove(gone)
    assert dealing.deal(backlog(1)) == {}
    dealing.validate({})
    with pytest.raises(ValueError, match="listed"):
        dealing.validate({b"gone": gone})
