"""A turn costs what it changes, not what exists: counted in instructions of the interpreter, not in seconds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.idleness import SETTLING
from parsl_like.executors.high_throughput.exchange.placement import PlacementMachine
from parsl_like.executors.high_throughput.exchange.placement_events import (
    FromDriver,
    FromManager,
    Give,
    LinkOpened,
    TurnEnded,
)
from parsl_like.executors.high_throughput.exchange.roster import Membership
from parsl_like.executors.high_throughput.managers import ConnectedManagers
from parsl_like.executors.high_throughput.node.dispatch import Dispatch
from parsl_like.executors.high_throughput.node.dispatch_events import ResultsArrived, TasksArrived, WorkerReady
from parsl_like.executors.high_throughput.protocol import (
    BlockEnded,
    Drain,
    ManagerNews,
    Register,
    Results,
    TaskItem,
    Tasks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

FEW, MANY = 10, 500
NOW = 2 * SETTLING


def instructions(call: Callable[[], object]) -> int:
    """How many instructions the interpreter carries out for a call."""
    counted = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal counted
        frame.f_trace_opcodes = True
        counted += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return counted


def tasks(numbers: Iterable[int], slots: int = 1) -> FromDriver:
    return FromDriver(Tasks([TaskItem(number, b"f", b"body", slots=slots) for number in numbers]))


def results(name: bytes, *attempts: int, capacity: int) -> FromManager:
    return FromManager(NOW, name, Results(name, 1, capacity, list(attempts), msgspec.Raw(b"\x90")))


def interchange(managers: int, *, slots: int, capacity: int, pack: bool = False) -> PlacementMachine:
    """A machine with so many managers, each in a block of its own."""
    machine = PlacementMachine(
        Membership("run", "3.11.1", "1"),
        incarnation=1,
        period=1e6,
        threshold=1e9,
        rank=int if pack else None,
        now=0.0,
    )
    machine.handle(FromDriver(protocol.Function(b"f", "f", b"")))
    for number in range(managers):
        name, block = b"%d" % number, str(number)
        register = Register(
            *(protocol.PROTOCOL_VERSION, "run", name, block, "n", 1, slots, capacity, 1, 1, []),
            *("3.11", "1", {}, "tcp"),
        )
        machine.handle(LinkOpened(0.0, name, "data"))
        machine.handle(FromManager(0.0, name, register))
    machine.handle(TurnEnded(0.0))
    machine.handle(TurnEnded(NOW))
    return machine


def one_more(machine: PlacementMachine, slots: int = 1) -> None:
    """A task arrives, is given, and ends."""
    machine.handle(tasks([10**9], slots))
    for effect in machine.handle(TurnEnded(NOW)):
        if isinstance(effect, Give):
            capacity = machine._rows[effect.manager].capacity
            machine.handle(results(effect.manager, 10**9, capacity=capacity))
    machine.handle(TurnEnded(NOW))


def idle(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=2, capacity=2)
    return lambda: one_more(machine)


def packed(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=2, capacity=2, pack=True)
    return lambda: one_more(machine)


def packed_and_nearly_full(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=1, capacity=1, pack=True)
    machine.handle(tasks(range(managers - 1)))
    machine.handle(TurnEnded(NOW))
    one_more(machine)
    return lambda: one_more(machine)


def stocked(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=1, capacity=3)
    machine.handle(tasks(range(managers)))
    machine.handle(TurnEnded(NOW))
    return lambda: one_more(machine)


def wide(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=2, capacity=2)
    return lambda: one_more(machine, slots=2)


def full_with_something_wide_waiting(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=1, capacity=1)
    machine.handle(tasks(range(managers)))
    machine.handle(tasks(range(managers, managers + 20), slots=2))
    machine.handle(TurnEnded(NOW))
    return lambda: machine.handle(TurnEnded(NOW))


def the_end_of_a_block(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=2, capacity=2)
    return lambda: machine.handle(FromDriver(BlockEnded("3", "over")))


def the_drain_of_a_block(managers: int) -> Callable[[], None]:
    machine = interchange(managers, slots=2, capacity=2)
    return lambda: machine.handle(FromDriver(Drain(["3"])))


def the_result_of_a_worker(workers: int) -> Callable[[], None]:
    """One of so many workers of a node reports, while more than they can have waits."""
    dispatch = Dispatch(workers)
    for number in range(workers):
        dispatch.handle(WorkerReady(number, 0.0))
    dispatch.handle(TasksArrived([TaskItem(n, b"f", b"") for n in range(200 * workers)], 0.0))
    for _ in range(100):
        for number in range(workers):
            dispatch.handle(ResultsArrived(number, dispatch.in_pipe(number)[:1], 1e-5, 0.0))
    return lambda: dispatch.handle(ResultsArrived(3, dispatch.in_pipe(3)[:1], 1e-5, 0.0))


def a_task_for_a_worker(workers: int) -> Callable[[], None]:
    dispatch = Dispatch(workers)
    for number in range(workers):
        dispatch.handle(WorkerReady(number, 0.0))
    return lambda: dispatch.handle(TasksArrived([TaskItem(1, b"f", b"")], 0.0))


def news_of_a_manager(managers: int) -> Callable[[], None]:
    connected = ConnectedManagers()
    for number in range(managers):
        connected.take(ManagerNews(b"%d" % number, "connected", str(number), "n", 2, 0), 0.0)

    def change() -> None:
        connected.take(ManagerNews(b"new", "connected", "new", "n", 2, 0), 0.0)
        connected.idle({"new": True})
        connected.take(ManagerNews(b"new", "lost", "new", "n", 2, 0), 0.0)

    return change


@pytest.mark.parametrize(
    "scene",
    [
        idle,
        packed,
        packed_and_nearly_full,
        stocked,
        wide,
        full_with_something_wide_waiting,
        the_end_of_a_block,
        the_drain_of_a_block,
        the_result_of_a_worker,
        a_task_for_a_worker,
        news_of_a_manager,
    ],
    ids=lambda scene: scene.__name__,
)
def test_the_cost_does_not_grow_with_what_is_there(scene: Callable[[int], Callable[[], None]]) -> None:
    few, many = (instructions(scene(number)) for number in (FEW, MANY))
    assert 0 < many < 1.2 * few


def test_draining_many_blocks_at_once_costs_as_much_for_each() -> None:
    costs = []
    for number in (FEW, MANY):
        machine = interchange(number, slots=2, capacity=2)
        order = FromDriver(Drain([str(block) for block in range(number)]))
        costs.append(instructions(lambda machine=machine, order=order: machine.handle(order)) / number)
    assert costs[1] < 1.2 * costs[0]
