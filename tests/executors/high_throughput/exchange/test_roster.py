"""What the interchange knows of its managers."""

from __future__ import annotations

from parsl_like.executors.high_throughput.exchange.roster import ManagerRow, Roster
from parsl_like.executors.high_throughput.protocol import PROTOCOL_VERSION, Register, TaskItem


def row(name: str, *, block: str = "0", slots: int = 4, capacity: int = 4) -> ManagerRow:
    register = Register(
        PROTOCOL_VERSION, "run", name.encode(), block, "node", 1, slots, capacity, 1, 1, [], "3", "1", {}, "ipc"
    )
    return ManagerRow(register, 0.0, capacity, linked=True)


def test_several_slots_are_counted_while_they_are_held() -> None:
    one = row("m", slots=8, capacity=10)
    one.hold([TaskItem(1, b"f", b"")])
    one.hold([TaskItem(2, b"f", b""), TaskItem(3, b"f", b"")])
    for number, slots in ((4, 3), (5, 2), (6, 1)):
        one.hold_wide(TaskItem(number, b"f", b""), slots)
    assert (one.free(), one.credit(), one.depth()) == (-1, 4, 1 / 8)
    one.release([4, 99, 1])
    assert (one.free(), one.credit()) == (3, 6)
    one.release([5, 4])
    assert (one.free(), one.extra, one.wide) == (5, 0, {})


def test_news_of_what_is_released_is_not_waited_for() -> None:
    one = row("m")
    one.hold([TaskItem(1, b"f", b""), TaskItem(2, b"f", b"")])
    one.stopping, one.at_risk, one.missing = {1}, {1, 2}, {2}
    one.release([1])
    assert (one.stopping, one.at_risk, one.missing) == (set(), {2}, {2})


def test_managers_are_found_by_name_and_by_block() -> None:
    roster = Roster()
    assert (roster.widest(), list(roster.of_block("0"))) == (1, [])
    a, b, c = row("a"), row("b", slots=9), row("c", block="1")
    for one in (a, b, c):
        roster.add(one)
    assert (list(roster), roster.widest()) == ([b"a", b"b", b"c"], 9)
    assert list(roster.of_block("0")) == [a, b]
    roster.remove(b)
    assert (roster.widest(), list(roster.of_block("0"))) == (4, [a])
    roster.remove(a)
    roster.remove(c)
    assert (len(roster), roster.widest(), list(roster.of_block("0"))) == (0, 1, [])
