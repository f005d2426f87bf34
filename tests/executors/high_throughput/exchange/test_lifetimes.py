"""Managers that end: who gets what waits, and what nobody has the time for."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec
import pytest

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.lifetimes import FRESH_SHARE, STOCK_S, TELL_S
from parsl_like.executors.high_throughput.exchange.placement import PlacementMachine
from parsl_like.executors.high_throughput.exchange.placement_events import (
    Effect,
    Event,
    FromDriver,
    FromManager,
    Give,
    LinkOpened,
    ManagerEnded,
    Report,
    Tell,
    TurnEnded,
    Undelivered,
)
from parsl_like.executors.high_throughput.exchange.roster import Membership
from parsl_like.executors.high_throughput.protocol import (
    LONG,
    Cancel,
    Drain,
    Goodbye,
    Heartbeat,
    Lost,
    ManagerNews,
    Register,
    Results,
    Stranded,
    TaskItem,
    Tasks,
)

T = TypeVar("T")
PERIOD = 5.0


def task(attempt: int, walltime: float = 0.0, **changes: Any) -> TaskItem:
    return msgspec.structs.replace(TaskItem(attempt, b"abc", b"body", walltime=walltime), **changes)


class Broker:
    """A machine with its clock; every event is followed by a check of all invariants."""

    def __init__(self, **options: Any) -> None:
        settings: dict[str, Any] = {"incarnation": 1, "period": PERIOD, "threshold": 1e6, "now": 0.0, **options}
        self.machine = PlacementMachine(Membership("run", "3.11.9", "1.0"), **settings)
        self.machine.handle(FromDriver(protocol.Function(b"abc", "abc", b"def")))
        self.now = 0.0
        self.heard: list[Effect] = []

    def feed(self, event: Event) -> list[Effect]:
        effects = self.machine.handle(event)
        self.machine.validate()
        self.heard += effects
        return effects

    def join(self, name: bytes, left: float = 0.0, *, slots: int = 1, life: float = 0.0, **changes: Any) -> None:
        """A manager comes that ends in so many seconds."""
        register = Register(
            *(protocol.PROTOCOL_VERSION, "run", name, changes.pop("block", name.decode()), "node1", 11),
            *(slots, changes.pop("capacity", slots), 2, 1, [], "3.11.7", "1.0", {}, "tcp"),
            leaves=left,
            life=life or left,
            **changes,
        )
        self.feed(LinkOpened(self.now, name, "data"))
        self.feed(FromManager(self.now, name, register))

    def hear(self, name: bytes, message: Any) -> list[Effect]:
        return self.feed(FromManager(self.now, name, message))

    def send(self, *items: TaskItem, buffers: tuple[str, ...] = ()) -> dict[bytes, list[int]]:
        """Tasks come from the driver; who is given what."""
        if items:
            self.feed(FromDriver(Tasks(list(items)), buffers))
        return self.turn()

    def turn(self, seconds: float = 0.0) -> dict[bytes, list[int]]:
        self.now += seconds
        effects = self.feed(TurnEnded(self.now))
        return {e.manager: [item.attempt for item in e.items] for e in effects if isinstance(e, Give) and e.items}

    def finish(self, name: bytes, *attempts: int, capacity: int = 1) -> dict[bytes, list[int]]:
        self.hear(name, Results(name, 1, capacity, list(attempts), msgspec.Raw(b"\x90")))
        return self.turn()

    def reported(self, kind: type[T]) -> list[T]:
        """What the driver was told since this was last asked."""
        heard, self.heard = self.heard, []
        return [e.message for e in heard if isinstance(e, Report) and isinstance(e.message, kind)]

    def stranded(self) -> list[int]:
        return [message.count for message in self.reported(Stranded)]


@pytest.fixture
def broker() -> Broker:
    return Broker()


# --- who has the time


def test_a_task_goes_where_it_can_end(broker: Broker) -> None:
    broker.join(b"old", 50.0, life=600.0)
    broker.join(b"new", 600.0)
    assert broker.send(task(1, 60.0)) == {b"new": [1]}
    assert broker.send(task(2, 60.0), task(3, 40.0)) == {b"old": [3]}
    assert broker.finish(b"new", 1) == {b"new": [2]}


def test_time_goes_by(broker: Broker) -> None:
    broker.join(b"m", 100.0, slots=2)
    assert broker.send(task(1, 50.0)) == {b"m": [1]}
    broker.turn(50.1)
    assert broker.send(task(2, 50.0), task(3, 49.0)) == {b"m": [3]}


def test_tasks_without_a_walltime_are_given_as_ever(broker: Broker) -> None:
    broker.join(b"old", 3.0, life=600.0)
    broker.join(b"new", 600.0)
    assert broker.send(task(1), task(2), task(3)) == {b"old": [1], b"new": [2]}


def test_those_that_end_first_are_used_first_and_all_a_little(broker: Broker) -> None:
    broker.join(b"new", 600.0, slots=3)
    broker.join(b"old", 100.0, slots=3, life=600.0)
    assert broker.send(task(1, 9.0)) == {b"old": [1]}
    given = broker.send(*(task(n, 9.0) for n in range(2, 6)))
    assert sorted(map(len, given.values())) == [2, 2]


def test_a_manager_without_an_end_has_time_for_everything(broker: Broker) -> None:
    broker.join(b"short", 100.0)
    broker.join(b"eternal")
    assert broker.send(task(1, 1e6), task(2, math.inf), task(3, 9.0)) == {b"eternal": [1], b"short": [3]}
    assert broker.finish(b"eternal", 1) == {b"eternal": [2]}
    assert broker.stranded() == []


def test_priority_and_age_count_beside_tasks_without_a_walltime(broker: Broker) -> None:
    broker.join(b"m", 600.0)
    broker.send(task(0))
    broker.send(task(1, 60.0), task(2), task(3, 60.0, priority=-1.0), task(4, 500.0), task(5, priority=9.0))
    order = []
    running = 0
    while given := broker.finish(b"m", running):
        ((running,),) = given.values()
        order.append(running)
    assert order == [3, 1, 2, 4, 5]


def test_what_nobody_has_time_for_holds_nobody_up(broker: Broker) -> None:
    broker.join(b"m", 100.0, slots=400)
    broker.turn(20.0)
    late = [task(n, 85.0) for n in range(300)]
    assert broker.send(*late, task(1000), task(1001, 10.0)) == {b"m": [1000, 1001]}


def test_what_waited_before_the_first_manager_came_is_sorted_too(broker: Broker) -> None:
    assert broker.send(task(1, 500.0, buffers=1), task(2), task(3, 10.0), buffers=("x",)) == {}
    broker.join(b"eternal")
    assert broker.turn() == {b"eternal": [1]}
    broker.join(b"m", 100.0, slots=4, life=600.0)
    assert broker.turn() == {b"m": [2, 3]}


def test_buffers_go_with_their_attempt(broker: Broker) -> None:
    broker.join(b"m", 600.0, slots=4)
    broker.feed(FromDriver(Tasks([task(1, 9.0, buffers=1), task(2, buffers=1)]), ("x", "y")))
    (give,) = [e for e in broker.feed(TurnEnded(0.0)) if isinstance(e, Give)]
    assert {attempt: list(parts) for attempt, parts in give.buffers.items()} == {1: ["x"], 2: ["y"]}
    broker.feed(Undelivered(b"m", give.items, give.buffers))
    broker.join(b"n", 600.0, slots=4)
    (give,) = [e for e in broker.feed(TurnEnded(0.0)) if isinstance(e, Give)]
    assert (give.manager, sorted(give.buffers)) == (b"n", [1, 2])


def test_canceled_ones_are_not_given(broker: Broker) -> None:
    broker.join(b"m", 600.0)
    broker.send(task(0), task(1, 9.0), task(2, 9.0))
    broker.feed(FromDriver(Cancel([1])))
    assert broker.finish(b"m", 0) == {b"m": [2]}
    assert broker.machine.counts() == {"waiting": 0, "held": 1}


def test_blocks_are_filled_one_after_another_if_that_is_wanted() -> None:
    broker = Broker(rank=int)
    broker.join(b"10", 100.0, slots=2)
    broker.join(b"9", 600.0, slots=2)
    assert broker.send(task(1, 9.0), task(2, 9.0), task(3, 9.0)) == {b"9": [1, 2], b"10": [3]}


def test_an_attempt_of_several_slots_goes_where_they_are(broker: Broker) -> None:
    broker.join(b"small", 600.0, slots=2)
    broker.join(b"large", 600.0, slots=4)
    assert broker.send(task(1, 9.0, slots=3)) == {b"large": [1]}
    assert broker.send(task(2, 9.0, slots=9), task(3, slots=2)) == {b"large": [2], b"small": [3]}


def test_one_of_several_slots_in_front_holds_nobody_up(broker: Broker) -> None:
    broker.join(b"small", 600.0, slots=2)
    broker.join(b"large", 600.0, slots=4)
    given = broker.send(task(1, slots=2), task(2, 9.0, slots=9), task(3, 9.0))
    assert sorted(attempt for attempts in given.values() for attempt in attempts) == [1, 2, 3]


# --- in advance


def test_short_tasks_are_given_in_advance_where_there_is_time(broker: Broker) -> None:
    broker.join(b"m", 600.0, slots=2, capacity=10)
    assert broker.send(*(task(n, 60.0) for n in range(20))) == {b"m": list(range(10))}
    broker.turn(540.0 - STOCK_S / 2)
    broker.hear(b"m", Results(b"m", 1, 10, list(range(9)), msgspec.Raw(b"\x90")))
    assert broker.turn() == {b"m": [10]}, "into the free slot, and nothing in advance"


def test_long_tasks_are_not_given_in_advance(broker: Broker) -> None:
    broker.join(b"m", 600.0, slots=2, capacity=10)
    assert broker.send(*(task(n, 400.0) for n in range(20))) == {b"m": [0, 1]}


def test_nobody_is_stocked_with_what_others_may_want_soon(broker: Broker) -> None:
    for name in (b"a", b"b"):
        broker.join(name, 600.0, slots=1, capacity=100)
    given = broker.send(*(task(n, 9.0) for n in range(42)))
    assert sorted(map(len, given.values())) == [1 + 10, 1 + 10]


# --- a walltime of nearly a whole life


@pytest.mark.parametrize("walltime", [58.0, 60.0, 1e5, LONG, math.inf])
def test_a_task_that_may_need_a_whole_life_begins_in_a_young_one(broker: Broker, walltime: float) -> None:
    broker.join(b"old", 60.0)
    broker.turn((1 - FRESH_SHARE) * 60.0 + 0.1)
    assert broker.send(task(1, walltime)) == {}
    broker.join(b"young", 60.0)
    assert broker.turn() == {b"young": [1]}


def test_a_life_is_as_long_as_that_of_the_last_who_came(broker: Broker) -> None:
    """Else tasks would wait for blocks of a kind that does not come any more."""
    broker.join(b"long", 600.0)
    broker.send(task(0))
    broker.turn(100.0)
    assert broker.send(task(1, LONG), task(2, 550.0)) == {}
    assert broker.stranded() == [2]
    broker.join(b"short", 60.0, slots=2)
    assert broker.turn() == {b"short": [1, 2]}
    broker.hear(b"short", Goodbye("it ends", [1, 2]))
    assert broker.send(task(3, 550.0)) == {}
    broker.join(b"new", 600.0)
    assert broker.turn() == {b"new": [3]}


# --- what nobody has time for


def test_stranded_tasks_are_counted(broker: Broker) -> None:
    assert broker.send(task(9, 70.0)) == {}
    assert broker.stranded() == [], "there is nobody yet"
    broker.join(b"m", 100.0)
    assert broker.turn() == {b"m": [9]}
    broker.turn(50.0)
    broker.send(task(1, 60.0), task(2, 40.0), task(3))
    assert broker.stranded() == [1]
    broker.turn(20.0)
    assert broker.stranded() == [2]
    broker.join(b"n", 100.0)
    broker.turn()
    assert broker.stranded() == [0]


def test_everything_is_stranded_when_all_are_drained(broker: Broker) -> None:
    broker.join(b"m", 100.0)
    broker.send(task(1), task(2), task(3, 9.0))
    broker.hear(b"m", Drain(["m"], "its block ends soon"))
    broker.turn()
    assert broker.stranded() == [2]
    broker.hear(b"m", Goodbye("it is drained", [1]))
    broker.turn()
    assert broker.stranded() == [0], "nobody is there: what is asked for is what waits"


def test_the_reason_of_a_drain_is_passed_on(broker: Broker) -> None:
    broker.join(b"m", 100.0)
    broker.hear(b"m", Drain(["m"], "its block ends soon"))
    assert [news.reason for news in broker.reported(ManagerNews)] == ["", "its block ends soon"]


def test_numbers_are_told_in_their_time(broker: Broker) -> None:
    broker.join(b"m", 100.0)
    broker.turn(50.0)
    broker.send(task(1, 60.0))
    for number in range(2, 9):
        broker.send(task(number, 60.0))
    assert broker.stranded() == [1]
    assert broker.machine.deadline() == broker.now + TELL_S
    broker.turn(TELL_S)
    assert broker.stranded() == [8]
    assert broker.machine.deadline() > broker.now + TELL_S


# --- coming back


def test_a_manager_that_registers_again_does_not_live_longer(broker: Broker) -> None:
    broker.join(b"m", 100.0)
    broker.turn(50.0)
    (row,) = broker.machine._rows.values()
    broker.hear(b"m", msgspec.structs.replace(row.register, leaves=40.0))
    assert broker.send(task(1, 45.0)) == {}
    broker.hear(b"m", msgspec.structs.replace(row.register, leaves=100.0))
    assert broker.turn() == {}
    assert row.ends == 90.0


@pytest.mark.parametrize("left", [-1.0, math.nan, math.inf])
def test_an_end_that_is_none_is_none(broker: Broker, left: float) -> None:
    broker.join(b"m", left)
    assert broker.send(task(1, 1e6)) == {b"m": [1]}


# --- losses


def test_a_goodbye_at_the_end_says_how_long_tasks_have_run(broker: Broker) -> None:
    broker.join(b"m", 50.0, slots=3, life=54.0)
    broker.send(task(1), task(2), task(3))
    broker.turn(50.0)
    broker.hear(b"m", Goodbye("over", returned=[3], abandoned=[2, 1], ran=[7.5, 20.0], expired=True))
    (lost,) = broker.reported(Lost)
    assert (lost.started, lost.ran, lost.unstarted, lost.life) == ([1, 2], [20.0, 7.5], [3], 54.0)


def test_a_goodbye_before_is_another_loss(broker: Broker) -> None:
    broker.join(b"m", 50.0)
    broker.send(task(1))
    broker.hear(b"m", Goodbye("SIGTERM", abandoned=[1], ran=[7.5]))
    (lost,) = broker.reported(Lost)
    assert (lost.started, lost.ran, lost.life) == ([1], [7.5], 0.0)


@pytest.mark.parametrize(("heard", "gone", "life"), [(9.0, 10.0, 0.0), (49.0, 51.0, 50.0), (10.0, 51.0, 0.0)])
def test_who_vanishes_after_his_time_was_ended_by_it(broker: Broker, heard: float, gone: float, life: float) -> None:
    broker.join(b"m", 50.0)
    broker.send(task(1))
    broker.now = heard
    broker.hear(b"m", Heartbeat(heard, capacity=1))
    broker.feed(ManagerEnded(b"m", gone))
    (lost,) = broker.reported(Lost)
    assert (lost.started, lost.life) == ([1], life)


def test_nothing_changes_before_the_first_manager_that_ends(broker: Broker) -> None:
    broker.join(b"eternal")
    broker.send(task(1, 60.0), task(2), task(3, 60.0))
    assert broker.machine._lifetimes is None
    assert broker.finish(b"eternal", 1) == {b"eternal": [2]}
    assert [e for e in broker.heard if isinstance(e, Tell) and isinstance(e.message, Drain)] == []
