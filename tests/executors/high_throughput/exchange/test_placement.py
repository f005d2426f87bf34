"""The interchange's decisions: events in, effects out."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import pytest

from parsl_like.errors import BadMessage, InternalConsistencyError
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.idleness import SETTLING
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
    Untold,
)
from parsl_like.executors.high_throughput.exchange.roster import Membership
from parsl_like.executors.high_throughput.exchange.unreached import UNREACHED_S
from parsl_like.executors.high_throughput.protocol import (
    PRESENT_YOURSELF,
    Acknowledged,
    BlockEnded,
    BlockIdle,
    Cancel,
    Cancelled,
    Drain,
    Function,
    Goodbye,
    Heartbeat,
    Lost,
    ManagerNews,
    NeedFunction,
    Refused,
    Register,
    Registered,
    Results,
    Stop,
    TaskItem,
    Tasks,
)

T = TypeVar("T")
PERIOD, THRESHOLD = 5.0, 30.0
ABC = Function(b"abc", "abc", b"def abc")


def register(name: bytes = b"m", **changes: Any) -> Register:
    base = Register(
        protocol.PROTOCOL_VERSION,
        "run",
        name,
        "0",
        "node1",
        11,
        slots=2,
        capacity=2,
        cores=2,
        memory=1,
        accelerators=[],
        python="3.11.7",
        package="1.0",
        packages={"numpy": "2"},
        transport="tcp",
    )
    return msgspec.structs.replace(base, **changes)


def task(attempt: int, **changes: Any) -> TaskItem:
    return msgspec.structs.replace(TaskItem(attempt, b"abc", b"body"), **changes)


class Broker:
    """A machine with its clock; every event is followed by a check of all invariants."""

    def __init__(self, **options: Any) -> None:
        membership = Membership("run", "3.11.9", "1.0")
        settings: dict[str, Any] = {"incarnation": 3, "period": PERIOD, "threshold": THRESHOLD, "now": 0.0, **options}
        self.machine = PlacementMachine(membership, **settings)
        self.now = 0.0

    def feed(self, event: Event) -> list[Effect]:
        effects = self.machine.handle(event)
        self.machine.validate()
        return effects

    def driver(self, message: Any, *buffers: Any) -> list[Effect]:
        return self.feed(FromDriver(message, buffers))

    def hear(self, message: Any, name: bytes = b"m") -> list[Effect]:
        return self.feed(FromManager(self.now, name, message))

    def turn(self, seconds: float = 0.0) -> list[Effect]:
        self.now += seconds
        return self.feed(TurnEnded(self.now))

    def join(self, name: bytes = b"m", **changes: Any) -> list[Effect]:
        self.feed(LinkOpened(self.now, name, "data"))
        return self.hear(register(name, **changes), name)

    def send(self, *items: TaskItem) -> dict[bytes, list[int]]:
        """Tasks from the driver, and who is given what."""
        if items:
            self.driver(Tasks(list(items)))
        return given(self.turn())

    def results(self, *attempts: int, name: bytes = b"m", sequence: int = 1, capacity: int = 2) -> list[Effect]:
        return self.hear(Results(name, sequence, capacity, list(attempts), msgspec.Raw(b"\x90")), name)


@pytest.fixture
def broker() -> Broker:
    made = Broker()
    made.driver(ABC)
    return made


def given(effects: list[Effect]) -> dict[bytes, list[int]]:
    return {e.manager: [item.attempt for item in e.items] for e in effects if isinstance(e, Give) and e.items}


def told(effects: list[Effect], kind: type[T], name: bytes = b"m") -> list[T]:
    return [e.message for e in effects if isinstance(e, Tell) and e.manager == name and isinstance(e.message, kind)]


def reported(effects: list[Effect], kind: type[T]) -> list[T]:
    return [e.message for e in effects if isinstance(e, Report) and isinstance(e.message, kind)]


def changes_of(effects: list[Effect]) -> list[str]:
    return [news.what for news in reported(effects, ManagerNews)]


# --- registration


def test_a_manager_is_taken_and_the_driver_hears_of_it(broker: Broker) -> None:
    effects = broker.join()
    assert effects == [
        Tell(b"m", Registered(3, PERIOD, THRESHOLD)),
        Report(ManagerNews(b"m", "connected", "0", "node1", 2, 0, "", "3.11.7", "1.0", {"numpy": "2"})),
    ]
    assert broker.machine.managers() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 77}, ["protocol 77", f"protocol {protocol.PROTOCOL_VERSION}"]),
        ({"run_id": "other"}, ["run other", "run run"]),
        ({"package": "0.9"}, ["parsl_like 0.9", "parsl_like 1.0"]),
        ({"python": "3.12.1"}, ["Python 3.12", "Python 3.11"]),
        ({"slots": 0}, ["0 slots"]),
    ],
)
def test_a_stranger_is_refused_with_both_sides_named(broker: Broker, changes: dict[str, Any], words: list[str]) -> None:
    effects = broker.join(**changes)
    (refusal,) = told(effects, Refused)
    assert all(word in refusal.reason for word in words)
    (news,) = reported(effects, ManagerNews)
    assert (news.what, news.reason) == ("refused", refusal.reason)
    assert broker.send(task(1)) == {}


def test_another_patch_release_of_python_is_no_stranger(broker: Broker) -> None:
    assert changes_of(broker.join(python="3.11.0")) == ["connected"]


def test_a_manager_cannot_register_as_another(broker: Broker) -> None:
    with pytest.raises(BadMessage, match="registers as"):
        broker.hear(register(b"other"), b"m")


def test_nothing_is_given_before_the_data_link_is_up(broker: Broker) -> None:
    broker.hear(register())
    assert broker.send(task(1)) == {}
    broker.feed(LinkOpened(0.0, b"m", "data"))
    assert broker.send() == {b"m": [1]}


def test_a_manager_that_comes_to_a_new_interchange_keeps_what_it_holds(broker: Broker) -> None:
    broker.hear(Results(b"m", 4, 2, [8], msgspec.Raw(b"\x90")))
    (news,) = reported(broker.join(held=[7, 8], finished=[9]), ManagerNews)
    assert (news.held, news.attempts) == (2, [7, 8, 9])
    assert broker.send(task(1), task(2)) == {}
    broker.results(7)
    assert broker.send() == {b"m": [1]}
    broker.results(9)
    assert broker.send() == {b"m": [2]}


def test_what_a_manager_says_it_has_finished_is_lost_if_it_dies_before_it_has_sent_it(broker: Broker) -> None:
    broker.join(finished=[9])
    beats = [broker.turn(PERIOD) for _ in range(int(THRESHOLD / PERIOD) + 2)]
    (lost,) = [news for effects in beats for news in reported(effects, Lost)]
    assert lost.started == [9]


@pytest.mark.parametrize("changes", [{"block": "7"}, {"slots": 3}])
def test_a_manager_that_comes_back_as_something_else_changes_nothing(broker: Broker, changes: dict[str, Any]) -> None:
    broker.join()
    with pytest.raises(BadMessage, match="again"):
        broker.hear(register(**changes))
    broker.machine.validate()
    assert broker.send(task(1)) == {b"m": [1]}
    assert changes_of(broker.hear(Goodbye("", [1]))) == ["ended"]


@pytest.mark.parametrize(("beats", "held"), [(0, 1), (1, 1), (2, 2)])
def test_results_that_overtake_a_registration_are_remembered_for_a_while(broker: Broker, beats: int, held: int) -> None:
    """A beat in between must not make an attempt held that has ended; no stranger is remembered for ever."""
    broker.hear(Results(b"m", 4, 2, [8], msgspec.Raw(b"\x90")))
    for _ in range(beats):
        broker.turn(PERIOD)
    (news,) = reported(broker.join(held=[7, 8]), ManagerNews)
    assert news.held == held


def test_one_that_nobody_knows_is_asked_to_register(broker: Broker) -> None:
    (answer,) = told(broker.hear(Heartbeat(1.0)), Registered)
    assert answer.incarnation == PRESENT_YOURSELF


@pytest.mark.parametrize(("incarnation", "asked"), [(1, 0), (2, 1)])
def test_who_connects_to_a_restarted_interchange_is_asked_to_register(incarnation: int, asked: int) -> None:
    broker = Broker(incarnation=incarnation)
    assert told(broker.feed(LinkOpened(0.0, b"m", "data")), Registered) == []
    answers = told(broker.feed(LinkOpened(0.0, b"m", "control")), Registered)
    assert [answer.incarnation for answer in answers] == [PRESENT_YOURSELF] * asked


# --- giving


def test_attempts_are_given_when_the_turn_ends_with_their_function_first(broker: Broker) -> None:
    broker.join()
    assert broker.driver(Tasks([task(1)])) == []
    assert broker.turn() == [Give(b"m", [ABC], [task(1)], {})]
    assert broker.send(task(2)) == {b"m": [2]}


def test_a_function_is_sent_once_to_each_manager(broker: Broker) -> None:
    broker.join(b"a")
    broker.join(b"b")
    broker.driver(Tasks([task(1), task(2)]))
    assert [e.functions for e in broker.turn() if isinstance(e, Give)] == [[ABC], [ABC]]
    broker.driver(Tasks([task(3), task(4)]))
    assert [e.functions for e in broker.turn() if isinstance(e, Give)] == [[], []]


def test_buffers_go_with_their_attempt(broker: Broker) -> None:
    broker.join()
    broker.driver(Tasks([task(1), task(2, buffers=2)]), "x", "y")
    (give,) = [e for e in broker.turn() if isinstance(e, Give)]
    assert give.buffers == {2: ("x", "y")}


def test_no_more_is_given_than_is_wanted_and_the_oldest_goes_first(broker: Broker) -> None:
    broker.join(capacity=3)
    assert broker.send(*(task(n) for n in range(1, 6))) == {b"m": [1, 2, 3]}
    broker.results(1, 2, capacity=3)
    assert broker.send() == {b"m": [4, 5]}
    assert broker.machine.counts() == {"waiting": 0, "held": 3}


def test_a_lower_priority_number_goes_first(broker: Broker) -> None:
    broker.driver(Tasks([task(1, priority=1), task(2), task(3, priority=-1), task(4)]))
    broker.join(capacity=3)
    assert given(broker.turn()) == {b"m": [3, 2, 4]}


def test_free_slots_of_all_managers_come_before_any_stock(broker: Broker) -> None:
    broker.join(b"deep", capacity=100)
    broker.join(b"flat", capacity=2)
    assert broker.send(*(task(n) for n in range(4))) == {b"deep": [0, 1], b"flat": [2, 3]}
    assert broker.send(task(4), task(5)) == {b"deep": [4]}
    assert broker.send() == {b"deep": [5]}


def test_blocks_are_filled_one_after_another_if_that_is_wanted() -> None:
    broker = Broker(rank=int)
    for block in ("10", "9"):
        broker.join(block.encode(), block=block)
    assert broker.send(task(1), task(2), task(3)) == {b"9": [1, 2], b"10": [3]}


def test_attempts_that_hold_several_slots_are_counted_so(broker: Broker) -> None:
    broker.join(slots=4, capacity=4)
    assert broker.send(task(1, slots=3), task(2), task(3, slots=2)) == {b"m": [1, 2, 3]}
    broker.join(b"other", slots=4, capacity=4)
    assert broker.send(task(4)) == {b"other": [4]}
    broker.results(1, 3, capacity=4)
    assert broker.machine.counts() == {"waiting": 0, "held": 2}


def test_a_batch_that_contradicts_itself_is_refused(broker: Broker) -> None:
    broker.join()
    with pytest.raises(BadMessage, match="buffers"):
        broker.driver(Tasks([task(1, buffers=1)]))
    assert broker.send(task(2)) == {b"m": [2]}


def test_what_cannot_be_delivered_waits_for_another_manager(broker: Broker) -> None:
    broker.join()
    broker.send()
    broker.driver(Tasks([task(1), task(2, buffers=1)]), "x")
    (give,) = [e for e in broker.turn() if isinstance(e, Give)]
    broker.feed(Undelivered(b"m", give.items, give.buffers))
    assert broker.send(task(3)) == {}
    broker.join(b"n")
    (give,) = [e for e in broker.turn() if isinstance(e, Give)]
    assert (give.manager, [i.attempt for i in give.items], give.buffers) == (b"n", [1, 2], {2: ("x",)})


def test_of_what_was_delivered_in_part_nothing_is_kept(broker: Broker) -> None:
    broker.join()
    broker.driver(Tasks([task(1, buffers=1), task(2, buffers=1)]), "x", "y")
    (give,) = [e for e in broker.turn() if isinstance(e, Give)]
    broker.feed(Undelivered(b"m", give.items[1:], give.buffers))
    assert broker.machine.counts() == {"waiting": 1, "held": 1}
    broker.join(b"n")
    (give,) = [e for e in broker.turn() if isinstance(e, Give)]
    assert (give.manager, give.buffers) == (b"n", {2: ("y",)})


def test_the_undelivered_of_a_forgotten_manager_waits_too(broker: Broker) -> None:
    broker.feed(Undelivered(b"gone", [task(1)], {}))
    broker.join()
    assert broker.send() == {b"m": [1]}


# --- functions


def test_a_function_nobody_has_is_asked_of_the_driver_once_and_passed_on() -> None:
    broker = Broker()
    broker.join(b"a")
    broker.join(b"b")
    broker.driver(Tasks([task(1), task(2)]))
    effects = broker.turn()
    assert given(effects) == {b"a": [1], b"b": [2]}
    assert reported(effects, NeedFunction) == [NeedFunction([b"abc"])]
    assert reported(broker.hear(NeedFunction([b"abc"]), b"a"), NeedFunction) == []
    assert all(e.link == "data" for e in effects if isinstance(e, Report))
    effects = broker.driver(ABC)
    assert sorted(effects, key=str) == [Give(b"a", [ABC], [], {}), Give(b"b", [ABC], [], {})]
    assert broker.driver(ABC) == []


def test_a_function_that_does_not_come_is_asked_for_again() -> None:
    broker = Broker()
    broker.join()
    broker.send(task(1))
    assert reported(broker.turn(PERIOD), NeedFunction) == [NeedFunction([b"abc"])]


def test_a_manager_that_asks_for_a_function_gets_it_from_the_cache(broker: Broker) -> None:
    broker.join()
    assert broker.hear(NeedFunction([b"abc"])) == [Give(b"m", [ABC], [], {})]
    assert broker.hear(NeedFunction([b"xyz"])) == [Report(NeedFunction([b"xyz"]), "data")]
    xyz = Function(b"xyz", "xyz", b"")
    assert broker.driver(xyz) == [Give(b"m", [xyz], [], {})]


def test_a_function_for_a_manager_that_has_gone_is_only_kept() -> None:
    broker = Broker()
    broker.join()
    broker.send(task(1))
    broker.hear(Goodbye("", [1]))
    assert broker.driver(ABC) == []


def test_after_a_broken_connection_functions_are_sent_again(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.results(1)
    broker.feed(LinkOpened(0.0, b"m", "data"))
    broker.driver(Tasks([task(2)]))
    assert [e.functions for e in broker.turn() if isinstance(e, Give)] == [[ABC]]


# --- acknowledgements


def test_an_acknowledgement_rides_with_attempts(broker: Broker) -> None:
    broker.join()
    broker.driver(Tasks([task(1)], [(b"m", 4), (b"unknown", 9)]))
    (give,) = broker.turn()
    assert isinstance(give, Give)
    assert give.acknowledged == 4


def test_an_acknowledgement_travels_alone_if_it_has_to_and_never_goes_back(broker: Broker) -> None:
    broker.join()
    broker.driver(Tasks([], [(b"m", 4)]))
    broker.driver(Tasks([], [(b"m", 3)]))
    assert broker.turn() == [Tell(b"m", Acknowledged(4))]
    assert broker.turn() == []


# --- cancelling


def test_cancelling_what_waits_and_what_is_unknown_is_done_at_once(broker: Broker) -> None:
    broker.driver(Tasks([task(1), task(2)]))
    assert broker.driver(Cancel([2, 99])) == [Report(Cancelled([2, 99]))]
    broker.join()
    assert given(broker.turn()) == {b"m": [1]}


def test_cancelling_what_is_held_is_asked_of_its_manager(broker: Broker) -> None:
    broker.join()
    broker.send(task(1), task(2))
    assert broker.driver(Cancel([1])) == [Tell(b"m", Cancel([1]))]
    assert broker.hear(Cancelled([1])) == [Report(Cancelled([1]))]
    assert broker.send(task(3)) == {b"m": [3]}


def test_a_cancellation_is_repeated_when_the_control_link_comes_back(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    assert broker.feed(LinkOpened(0.0, b"m", "control")) == []
    broker.driver(Cancel([1]))
    assert broker.feed(LinkOpened(0.0, b"m", "control")) == [Tell(b"m", Cancel([1]))]
    broker.results(1)
    assert broker.feed(LinkOpened(0.0, b"m", "control")) == []


# --- links that break


def test_after_a_broken_data_link_a_manager_says_what_it_has_and_the_rest_is_lost_unstarted(broker: Broker) -> None:
    broker.join()
    broker.send(task(1), task(2))
    assert told(broker.feed(LinkOpened(1.0, b"m", "data")), Registered)[0].incarnation == PRESENT_YOURSELF
    effects = broker.hear(register(held=[1]))
    assert told(effects, Registered)[0].incarnation == 3
    assert told(effects, Cancel) == [Cancel([2])]
    (lost,) = reported(effects, Lost)
    assert (lost.started, lost.unstarted) == ([], [2])
    assert broker.machine.counts()["held"] == 1
    assert changes_of(effects) == []


def test_who_was_asked_over_a_broken_link_is_asked_again(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.feed(LinkOpened(1.0, b"m", "data"))  # and the question is lost, if the other link is down, too
    assert told(broker.feed(LinkOpened(1.0, b"m", "control")), Registered)[0].incarnation == PRESENT_YOURSELF
    assert reported(broker.hear(register()), Lost)[0].unstarted == [1]
    assert broker.feed(LinkOpened(1.0, b"m", "control")) == []


def test_what_may_be_in_a_batch_that_comes_again_is_not_lost(broker: Broker) -> None:
    broker.join(capacity=3)
    broker.send(task(1), task(2), task(3))
    broker.feed(LinkOpened(1.0, b"m", "data"))
    assert reported(broker.hear(register(held=[3], unacknowledged=[4, 5], capacity=3)), Lost) == []
    assert reported(broker.results(1, sequence=4), Lost) == []
    (lost,) = reported(broker.results(sequence=5), Lost)
    assert lost.unstarted == [2]


def test_a_batch_that_never_comes_again_is_not_waited_for_for_ever(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.feed(LinkOpened(0.0, b"m", "data"))
    broker.hear(register(unacknowledged=[9]))
    for _ in range(6):
        broker.hear(Heartbeat(0.0, [], 2))
        assert reported(broker.turn(PERIOD), Lost) == []
    broker.hear(Heartbeat(0.0, [], 2))
    assert [lost.unstarted for lost in reported(broker.turn(PERIOD), Lost)] == [[1]]


def test_what_was_sent_over_the_new_connection_is_not_at_risk(broker: Broker) -> None:
    """A registration that crossed with attempts on their way does not make them lost."""
    broker.join()
    broker.feed(LinkOpened(0.0, b"m", "data"))
    broker.send(task(1))
    assert reported(broker.hear(register()), Lost) == []
    assert broker.machine.counts()["held"] == 1


def test_a_drained_manager_is_told_again_when_it_comes_back(broker: Broker) -> None:
    broker.join()
    broker.driver(Drain(["0"]))
    assert told(broker.hear(register()), Drain) == [Drain(["0"])]
    assert told(broker.feed(LinkOpened(0.0, b"m", "control")), Drain) == [Drain(["0"])]


# --- silence


def beat(broker: Broker, seconds: float, *talking: bytes) -> list[Effect]:
    """Time passes in steps of a heartbeat; those who talk say so."""
    effects: list[Effect] = []
    for _ in range(int(seconds / PERIOD)):
        for name in talking:
            broker.hear(Heartbeat(0.0, [], 2), name)
        effects += broker.turn(PERIOD)
    return effects


def test_everybody_gets_a_heartbeat_each_period(broker: Broker) -> None:
    broker.join()
    broker.turn()
    assert broker.machine.deadline() == SETTLING
    broker.turn(SETTLING)
    assert broker.machine.deadline() == PERIOD
    effects = broker.turn(PERIOD - SETTLING)
    assert effects == [Tell(b"m", Heartbeat(PERIOD)), Report(Heartbeat(PERIOD))]
    assert broker.machine.deadline() == 2 * PERIOD


def test_a_silent_manager_is_lost_with_all_it_may_have_begun(broker: Broker) -> None:
    broker.join()
    broker.send(task(1), task(2))
    broker.hear(Heartbeat(0.0, [1], 2))
    assert reported(beat(broker, THRESHOLD), Lost) == []
    effects = beat(broker, PERIOD)
    (lost,) = reported(effects, Lost)
    assert (lost.started, lost.unstarted, lost.hostname) == ([1, 2], [], "node1")
    assert "35 s" in lost.reason
    assert "1 of its 2 tasks ran" in lost.reason
    assert changes_of(effects) == ["lost"]
    assert broker.machine.managers() == 0


def test_heartbeats_and_results_keep_a_manager(broker: Broker) -> None:
    broker.join()
    assert reported(beat(broker, 3 * THRESHOLD, b"m"), ManagerNews) == []


def test_a_lost_manager_that_comes_back_is_told_to_stop(broker: Broker) -> None:
    broker.join()
    beat(broker, THRESHOLD + PERIOD)
    for message in (Heartbeat(0.0), register(), Results(b"m", 1, 2, [5], msgspec.Raw(b"\x90"))):
        (stop,) = broker.hear(message)
        assert isinstance(stop, Tell)
        assert isinstance(stop.message, Stop)


def test_only_so_many_of_the_lost_are_remembered(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.executors.high_throughput.exchange.roster.REMEMBERED", 1)
    for name in (b"first", b"second"):
        broker.join(name)
        broker.hear(Goodbye(""), name)
    assert told(broker.hear(Heartbeat(0.0), b"second"), Stop, b"second")
    assert told(broker.hear(Heartbeat(0.0), b"first"), Registered, b"first")


def test_an_interchange_that_was_stopped_itself_blames_nobody(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    assert reported(broker.turn(100 * THRESHOLD), Lost) == []
    assert reported(beat(broker, THRESHOLD - PERIOD), Lost) == []
    assert reported(beat(broker, PERIOD), Lost) != []


def test_a_silent_manager_of_an_ended_block_is_given_up_sooner(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.driver(BlockEnded("0", "walltime reached"))
    broker.driver(BlockEnded("1", "another block"))
    effects = beat(broker, 3 * PERIOD)
    (lost,) = reported(effects, Lost)
    assert "walltime reached" in lost.reason
    assert changes_of(effects) == ["lost"]


def test_the_managers_of_a_block_are_those_that_are_there(broker: Broker) -> None:
    for name in (b"a", b"b"):
        broker.join(name)
    broker.join(b"c", block="1")
    broker.hear(Goodbye(""), b"a")
    assert [e.manager for e in broker.driver(Drain(["0", "0", "9"])) if isinstance(e, Tell)] == [b"b"]


def test_a_wide_attempt_waits_for_the_largest_manager_that_is_there(broker: Broker) -> None:
    broker.join(b"large", slots=4, capacity=4)
    broker.join(b"small", slots=2, capacity=2)
    held = broker.send(*(task(n) for n in range(6)))
    assert broker.send(task(10, slots=8)) == {}
    assert changes_of(broker.hear(Goodbye("", held[b"large"]), b"large")) == ["ended"]
    broker.results(*held[b"small"], name=b"small")
    assert broker.send() == {b"small": [10]}


def test_an_ended_block_whose_manager_speaks_is_not_over(broker: Broker) -> None:
    broker.join()
    broker.driver(BlockEnded("0", ""))
    assert changes_of(beat(broker, THRESHOLD * 2, b"m")) == []


def test_a_manager_that_held_nothing_when_its_block_ended_is_no_loss(broker: Broker) -> None:
    broker.join()
    broker.driver(BlockEnded("0", ""))
    assert changes_of(beat(broker, 3 * PERIOD)) == ["ended"]


def test_a_manager_whose_process_has_ended_is_lost_at_once(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    effects = broker.feed(ManagerEnded(b"m"))
    (lost,) = reported(effects, Lost)
    assert (lost.started, lost.unstarted, lost.reason) == ([1], [], "its process has ended")
    assert changes_of(effects) == ["lost"]
    assert broker.feed(ManagerEnded(b"m")) == []


def test_a_process_that_ends_after_its_goodbye_is_no_loss(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.hear(Goodbye("done", finished=[1]))
    effects = broker.feed(ManagerEnded(b"m"))
    assert changes_of(effects) == ["ended"]
    assert reported(effects, Lost)[0].started == [1]


def test_when_a_block_has_ended_its_managers_are_tried(broker: Broker) -> None:
    broker.join(b"a")
    broker.join(b"b", block="1")
    assert [e.manager for e in broker.driver(BlockEnded("0", "")) if isinstance(e, Tell)] == [b"a"]


def test_a_manager_of_an_ended_block_that_cannot_be_reached_is_soon_given_up(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.feed(Untold(b"m"))  # its link may be made again, as long as its block lives
    assert reported(beat(broker, PERIOD), Lost) == []
    broker.driver(BlockEnded("0", "walltime reached"))
    broker.feed(Untold(b"m"))
    assert broker.turn() == []
    assert broker.machine.deadline() == broker.now + UNREACHED_S
    assert broker.turn(UNREACHED_S / 2) == []
    (lost,) = reported(broker.turn(UNREACHED_S / 2), Lost)
    assert lost.reason == "walltime reached; it cannot be reached"
    broker.feed(Untold(b"m"))
    assert broker.turn(UNREACHED_S) == []


def test_a_manager_that_is_heard_again_was_reached(broker: Broker) -> None:
    broker.join()
    broker.driver(BlockEnded("0", ""))
    broker.feed(Untold(b"m"))
    broker.turn()
    broker.hear(Heartbeat(1.0))
    assert changes_of(broker.turn(UNREACHED_S)) == []


# --- leaving


def test_goodbye_gives_back_what_was_not_begun(broker: Broker) -> None:
    broker.join()
    broker.send(task(1), task(2))
    broker.results(1)
    effects = broker.hear(Goodbye("walltime", [2]))
    (lost,) = reported(effects, Lost)
    assert (lost.started, lost.unstarted, lost.reason) == ([], [2], "walltime")
    assert changes_of(effects) == ["ended"]
    assert broker.machine.managers() == 0


def test_goodbye_tells_what_was_stopped_from_what_never_came(broker: Broker) -> None:
    broker.join(slots=4, capacity=4)
    broker.send(task(1), task(2), task(3), task(4))
    effects = broker.hear(Goodbye("SIGTERM", returned=[1], abandoned=[2], finished=[3]))
    (lost,) = reported(effects, Lost)
    assert (lost.started, lost.unstarted) == ([2], [1, 4])
    assert changes_of(effects) == []
    assert changes_of(broker.results(3)) == ["ended"]


def test_results_that_come_after_the_goodbye_still_count(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    assert broker.hear(Goodbye("", finished=[1])) == []
    assert broker.machine.managers() == 0
    assert broker.send(task(2)) == {}
    assert changes_of(broker.results(1)) == ["ended"]


def test_results_that_never_come_after_the_goodbye_are_lost(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.hear(Goodbye("done", finished=[1]))
    effects = beat(broker, THRESHOLD + PERIOD)
    (lost,) = reported(effects, Lost)
    assert lost.started == [1]
    assert "done" in lost.reason
    assert changes_of(effects) == ["ended"]


def test_a_draining_manager_gets_nothing_new(broker: Broker) -> None:
    broker.join()
    broker.join(b"n", block="1")
    broker.send(task(1))
    effects = broker.driver(Drain(["0"]))
    assert effects == [
        Tell(b"m", Drain(["0"])),
        Report(
            ManagerNews(
                b"m",
                "draining",
                "0",
                "node1",
                2,
                1,
                "the driver asked for it",
                "3.11.7",
                "1.0",
                {"numpy": "2"},
            )
        ),
    ]
    assert broker.driver(Drain(["0"])) == []
    assert broker.send(task(2), task(3), task(4)) == {b"n": [2, 3]}


def test_a_manager_of_a_drained_block_that_comes_late_is_drained_too(broker: Broker) -> None:
    broker.driver(Drain(["0"]))
    effects = broker.join()
    assert changes_of(effects) == ["connected", "draining"]
    assert told(effects, Drain) == [Drain(["0"])]


def test_a_manager_may_ask_to_be_drained(broker: Broker) -> None:
    broker.join()
    assert changes_of(broker.hear(Drain())) == ["draining"]
    assert broker.hear(Drain()) == []
    assert broker.send(task(1)) == {}


def test_stop_reaches_all_and_nothing_is_given_any_more(broker: Broker) -> None:
    broker.join()
    assert broker.driver(Stop("the end")) == [Tell(b"m", Stop("the end"))]
    assert broker.send(task(1)) == {}
    assert told(broker.hear(register(b"late"), b"late"), Stop, b"late") == [Stop("the end")]
    assert told(broker.hear(Heartbeat(0.0), b"other"), Stop, b"other") == [Stop("the end")]


# --- blocks


def test_idle_blocks_are_told_at_their_edges(broker: Broker) -> None:
    broker.join()
    assert reported(broker.turn(), BlockIdle) == []
    assert reported(broker.turn(SETTLING), BlockIdle) == [BlockIdle({"0": True})]
    broker.driver(Tasks([task(1)]))
    assert reported(broker.turn(), BlockIdle) == [BlockIdle({"0": False})]
    assert reported(broker.turn(10 * SETTLING), BlockIdle) == []
    broker.results(1)
    broker.turn()
    assert reported(broker.turn(SETTLING), BlockIdle) == [BlockIdle({"0": True})]


# --- what does not belong


@pytest.mark.parametrize(
    "message", [Registered(1, 1.0, 1.0), register(), Results(b"m", 1, 1, [], msgspec.Raw(b"\x90"))]
)
def test_the_driver_cannot_speak_for_a_manager(broker: Broker, message: Any) -> None:
    with pytest.raises(BadMessage, match=type(message).__name__):
        broker.driver(message)


def test_commands_have_no_buffers(broker: Broker) -> None:
    with pytest.raises(BadMessage, match="1 buffers"):
        broker.driver(Cancel([1]), "buffer")


@pytest.mark.parametrize("message", [Tasks([]), Stop("x"), Lost(b"m", "h", "r", [], []), BlockEnded("0", "")])
def test_a_manager_cannot_speak_for_the_driver(broker: Broker, message: Any) -> None:
    broker.join()
    with pytest.raises(BadMessage, match=type(message).__name__):
        broker.hear(message)


def test_the_drivers_heartbeat_needs_no_answer(broker: Broker) -> None:
    assert broker.driver(Heartbeat(1.0)) == []


# --- validate


def test_validate_sees_an_attempt_in_two_places(broker: Broker) -> None:
    broker.join()
    broker.send(task(1))
    broker.machine.handle(FromDriver(Tasks([task(1)])))
    with pytest.raises(InternalConsistencyError, match="two places"):
        broker.machine.validate()


def test_validate_sees_what_is_not_held(broker: Broker) -> None:
    broker.join()
    (row,) = broker.machine._rows.values()
    row.stopping.add(5)
    with pytest.raises(InternalConsistencyError, match="stopping"):
        broker.machine.validate()


def test_validate_sees_a_manager_that_is_not_listed(broker: Broker) -> None:
    broker.join()
    (row,) = broker.machine._rows.values()
    row.capacity = 0
    with pytest.raises(InternalConsistencyError, match="listed"):
        broker.machine.validate()


@pytest.mark.parametrize("value", [TurnEnded(1.0), Give(b"m", [], [], {}), Tell(b"m", Stop("")), Report(Stop(""))])
def test_events_and_effects_are_values(value: Any) -> None:
    assert value == msgspec.structs.replace(value)
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], None)
