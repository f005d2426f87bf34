"""Whole workloads through the interchange's and the nodes' machines, on a simulated clock: when does everything end?

Workers take their attempts one by one, messages take time, and nothing else is left out that bears on the order.
"""

from __future__ import annotations

import random
from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

import msgspec
import pytest

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange import placement_events as exchange
from parsl_like.executors.high_throughput.exchange.placement import PlacementMachine
from parsl_like.executors.high_throughput.exchange.roster import Membership
from parsl_like.executors.high_throughput.node.dispatch import Dispatch
from parsl_like.executors.high_throughput.node.dispatch_events import (
    Give,
    ResultsArrived,
    TakeBack,
    TakenBack,
    TasksArrived,
    WorkerReady,
)
from parsl_like.executors.high_throughput.protocol import Register, Results, TaskItem, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.executors.high_throughput.node.dispatch_events import Event

NO_OP, LONG = 1e-5, 2.0
LATENCY = 1e-4
"""Seconds that a message takes between an interchange and a manager."""

BATCH = 512


class Clock:
    """What happens when, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        heappush(self._due, (self.now + seconds, next(self._numbers), call))

    def run(self) -> None:
        while self._due:
            self.now, _, call = heappop(self._due)
            call()


class Node:
    """A manager with its workers around a real Dispatch."""

    def __init__(self, cluster: Cluster, name: bytes, workers: int) -> None:
        self.cluster, self.name = cluster, name
        self.dispatch = Dispatch(workers)
        self.unread: list[deque[int]] = [deque() for _ in range(workers)]
        self.running: list[int | None] = [None] * workers
        self.finished: list[int] = []
        for number in range(workers):
            self.feed(WorkerReady(number, 0.0))

    def feed(self, event: Event) -> None:
        events = deque((event,))
        while events:
            for effect in self.dispatch.handle(events.popleft()):
                if isinstance(effect, Give):
                    self.unread[effect.worker].extend(item.attempt for item in effect.items)
                    self.go_on(effect.worker)
                else:
                    assert isinstance(effect, TakeBack)
                    unread = self.unread[effect.worker]
                    taken = [unread.popleft() for _ in range(min(effect.count, len(unread)))]
                    events.append(TakenBack(effect.worker, taken, self.cluster.clock.now))

    def go_on(self, worker: int) -> None:
        if self.running[worker] is None and self.unread[worker]:
            attempt = self.running[worker] = self.unread[worker].popleft()
            self.cluster.clock.after(self.cluster.seconds[attempt], lambda: self.finish(worker, attempt))

    def finish(self, worker: int, attempt: int) -> None:
        clock = self.cluster.clock
        self.running[worker] = None
        self.go_on(worker)
        self.feed(ResultsArrived(worker, [attempt], self.cluster.seconds[attempt], clock.now))
        if not self.finished:
            clock.after(LATENCY, self.report)
        self.finished.append(attempt)

    def report(self) -> None:
        attempts, self.finished = self.finished, []
        self.cluster.take_results(self.name, attempts, self.dispatch.capacity())


class Cluster:
    """An interchange, its nodes, and a driver that submits everything at once; ``ended`` says when each attempt did."""

    def __init__(self, nodes: int, workers: int, seconds: Sequence[float], slots: Sequence[int] | None = None) -> None:
        self.clock = Clock()
        self.seconds = seconds
        self.ended: dict[int, float] = {}
        self.machine = PlacementMachine(
            Membership("run", "3.11.1", "1"), incarnation=1, period=1e6, threshold=1e9, now=0.0
        )
        self.nodes = {b"%d" % number: Node(self, b"%d" % number, workers) for number in range(nodes)}
        for name in self.nodes:
            self.machine.handle(exchange.LinkOpened(0.0, name, "data"))
            self.machine.handle(exchange.FromManager(0.0, name, _register(name, workers)))
        widths = slots or [1] * len(seconds)
        items = [TaskItem(number, b"f", b"", slots=width) for number, width in enumerate(widths)]
        for start in range(0, len(items), BATCH):
            self.machine.handle(exchange.FromDriver(Tasks(items[start : start + BATCH])))
        self.end_turn()
        self.clock.run()
        assert self.ended.keys() == set(range(len(seconds)))

    def end_turn(self) -> None:
        for effect in self.machine.handle(exchange.TurnEnded(self.clock.now)):
            if isinstance(effect, exchange.Give):
                self.clock.after(LATENCY, lambda give=effect: self.deliver(give))

    def deliver(self, give: exchange.Give) -> None:
        self.nodes[give.manager].feed(TasksArrived(give.items, self.clock.now))

    def take_results(self, name: bytes, attempts: list[int], capacity: int) -> None:
        results = Results(name, 1, capacity, attempts, msgspec.Raw(b"\x90"))
        self.machine.handle(exchange.FromManager(self.clock.now, name, results))
        for attempt in attempts:
            assert attempt not in self.ended
            self.ended[attempt] = self.clock.now
        self.end_turn()

    def makespan(self) -> float:
        return max(self.ended.values())


def _register(name: bytes, slots: int) -> Register:
    return Register(protocol.PROTOCOL_VERSION, "run", name, "0", "n", 1, slots, slots, 1, 1, [], "3.11", "1", {}, "tcp")


def mixed(short: int, long: int, order: str) -> list[float]:
    shorts, longs = [NO_OP] * short, [LONG] * long
    if order == "shuffled":
        everything = shorts + longs
        random.Random(4).shuffle(everything)
        return everything
    return shorts + longs if order == "short first" else longs + shorts


@pytest.mark.parametrize("order", ["short first", "long first", "shuffled"])
def test_long_tasks_among_short_ones_leave_no_worker_of_a_node_idle(order: str) -> None:
    seconds = mixed(10_000, 20, order)
    cluster = Cluster(1, 2, seconds)
    assert cluster.makespan() <= 1.05 * sum(seconds) / 2


@pytest.mark.parametrize("before", [0, 3000])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_two_no_ops_do_not_wait_for_the_long_task_beside_them(before: int, place: int) -> None:
    last = [NO_OP, NO_OP]
    last.insert(place, 60.0)
    cluster = Cluster(1, 2, [NO_OP] * before + last)
    assert sorted(cluster.ended.values())[-2] < 0.1
    assert cluster.makespan() < 60.1


@pytest.mark.parametrize(("nodes", "workers"), [(1, 2), (1, 64), (4, 16)])
def test_a_burst_of_no_ops_keeps_every_worker_busy(nodes: int, workers: int) -> None:
    seconds = [NO_OP] * 20_000
    cluster = Cluster(nodes, workers, seconds)
    warm_up = 20 * LATENCY
    assert cluster.makespan() <= 1.1 * sum(seconds) / (nodes * workers) + warm_up


def test_tasks_that_suddenly_take_long_are_spread_over_the_workers() -> None:
    cluster = Cluster(1, 4, [NO_OP] * 20_000 + [0.5] * 200)
    assert cluster.makespan() <= 1.05 * 200 * 0.5 / 4


@pytest.mark.parametrize(("nodes", "workers"), [(2, 1), (4, 2), (4, 4)])
def test_the_last_tasks_of_a_workload_do_not_all_go_to_one_node(nodes: int, workers: int) -> None:
    """Nothing is taken back from a node, so a perfect schedule cannot be promised; but every one has to take part."""
    cluster = Cluster(nodes, workers, mixed(10_000, 10 * nodes * workers, "short first"))
    assert cluster.makespan() <= 1.5 * 10 * LONG


def test_short_tasks_behind_one_of_several_slots_are_not_slowed_down() -> None:
    seconds = [NO_OP] * 5000
    cluster = Cluster(4, 2, seconds, [2 if number % 500 == 0 else 1 for number in range(5000)])
    assert cluster.makespan() <= 2 * sum(seconds) / 8 + 20 * LATENCY
