"""Whatever happens in whatever order: no attempt is lost, doubled, or left waiting while a slot is free."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.placement import PlacementMachine
from parsl_like.executors.high_throughput.exchange.placement_events import (
    Effect,
    Event,
    FromDriver,
    FromManager,
    Give,
    LinkOpened,
    Report,
    TurnEnded,
    Undelivered,
)
from parsl_like.executors.high_throughput.exchange.roster import Membership
from parsl_like.executors.high_throughput.protocol import Register, TaskItem

PERIOD, THRESHOLD = 5.0, 30.0


class World(RuleBasedStateMachine):
    """A driver and managers as they should be, beside the machine; every attempt is known to be in one place."""

    managers = Bundle("managers")

    def __init__(self) -> None:
        super().__init__()
        self.machine = PlacementMachine(
            Membership("run", "3.11.1", "1"), incarnation=1, period=PERIOD, threshold=THRESHOLD, now=0.0
        )
        self.now = 0.0
        self.numbers = 0
        self.waiting: dict[int, TaskItem] = {}
        self.held: dict[bytes, dict[int, TaskItem]] = {}
        self.slots: dict[bytes, int] = {}
        self.capacity: dict[bytes, int] = {}
        self.open: set[bytes] = set()
        self.ended: set[int] = set()
        self.unreachable: set[bytes] = set()
        self.drained: set[str] = set()

    # --- the machine's effects on the world

    def feed(self, event: Event) -> list[Effect]:
        effects = self.machine.handle(event)
        for effect in effects:
            if isinstance(effect, Give):
                self.receive(effect)
            elif isinstance(effect, Report):
                self.learn(effect.message)
        for effect in effects:
            if isinstance(effect, Give) and effect.manager in self.unreachable:
                self.fail_to_deliver(effect)
        return effects

    def receive(self, give: Give) -> None:
        for item in give.items:
            assert self.waiting.pop(item.attempt, None) == item, "given without having waited"
            self.held[give.manager][item.attempt] = item
            assert [b"%d" % item.attempt] * item.buffers == list(give.buffers.get(item.attempt, []))
        assert give.manager in self.open
        assert len(self.held[give.manager]) <= self.capacity[give.manager] or not give.items

    def fail_to_deliver(self, give: Give) -> None:
        for item in give.items:
            self.waiting[item.attempt] = self.held[give.manager].pop(item.attempt)
        self.open.discard(give.manager)
        self.feed(Undelivered(give.manager, give.items, give.buffers))

    def learn(self, message: Any) -> None:
        match message:
            case protocol.Lost(manager, _host, _reason, started, unstarted):
                assert not set(started) & set(unstarted)
                for attempt in started + unstarted:
                    del self.held[manager][attempt]
                    self.ended.add(attempt)
            case protocol.Cancelled(attempts):
                for attempt in attempts:
                    self.waiting.pop(attempt, None)
                    self.ended.add(attempt)
            case protocol.ManagerNews(manager, "draining"):
                self.open.discard(manager)
            case protocol.ManagerNews(manager, what) if what in ("lost", "ended"):
                assert not self.held[manager], "a manager went with attempts nobody was told of"
                self.forget(manager)

    def forget(self, manager: bytes) -> None:
        for record in (self.held, self.slots, self.capacity):
            del record[manager]
        self.open.discard(manager)

    # --- what may happen

    @rule(
        target=managers,
        slots=st.integers(1, 3),
        stock=st.integers(0, 4),
        block=st.sampled_from("012"),
        linked=st.booleans(),
        left=st.sampled_from([0.0, 0.0, 20.0, 1000.0]),
    )
    def join(self, slots: int, stock: int, block: str, linked: bool, left: float) -> bytes:
        self.numbers += 1
        name = b"m%d" % self.numbers
        self.held[name], self.slots[name], self.capacity[name] = {}, slots, slots + stock
        register = Register(
            protocol.PROTOCOL_VERSION,
            "run",
            name,
            block,
            "n",
            1,
            slots,
            slots + stock,
            1,
            1,
            [],
            "3.11",
            "1",
            {},
            "tcp",
            leaves=left,
            life=left,
        )
        if linked:
            if block not in self.drained:
                self.open.add(name)
            self.feed(LinkOpened(self.now, name, "data"))
        self.feed(FromManager(self.now, name, register))
        return name

    @rule(
        count=st.integers(1, 8),
        priority=st.sampled_from([0.0, 0.0, 1.0, -1.0]),
        slots=st.sampled_from([1, 1, 1, 2, 9]),
        buffers=st.integers(0, 1),
        walltime=st.sampled_from([0.0, 0.0, 0.0, 5.0, 19.0, 800.0, protocol.LONG]),
        mixed=st.booleans(),
    )
    def submit(self, count: int, priority: float, slots: int, buffers: int, walltime: float, mixed: bool) -> None:
        items = []
        for number in range(count):
            self.numbers += 1
            plain = mixed and number % 2
            items.append(
                TaskItem(
                    *(self.numbers, b"f", b"", buffers, 0.0 if plain else priority),
                    *(0.0 if plain else walltime, 0, 1 if plain else slots),
                )
            )
        self.waiting.update({item.attempt: item for item in items})
        self.feed(FromDriver(protocol.Tasks(items), [b"%d" % item.attempt for item in items for _ in range(buffers)]))

    @rule(name=managers, share=st.integers(1, 9), stale=st.booleans(), capacity=st.integers(0, 6))
    def finish(self, name: bytes, share: int, stale: bool, capacity: int) -> None:
        if name not in self.held:
            return
        done = list(self.held[name])[:share]
        for attempt in done:
            del self.held[name][attempt]
            self.ended.add(attempt)
        self.capacity[name] = capacity
        attempts = done + sorted(self.ended)[:2] if stale else done
        self.feed(FromManager(self.now, name, protocol.Results(name, 1, capacity, attempts, msgspec.Raw(b"\x90"))))

    @rule(name=managers, data=st.data())
    def cancel(self, name: bytes, data: st.DataObject) -> None:
        running = list(self.held.get(name, {}))[:1]
        some = data.draw(st.sets(st.sampled_from([*sorted(self.waiting), 10**9]), max_size=3))
        self.feed(FromDriver(protocol.Cancel(running + sorted(some))))
        if running:
            for attempt in running:
                del self.held[name][attempt]
            self.feed(FromManager(self.now, name, protocol.Cancelled(running)))

    @rule(name=managers, kept=st.integers(0, 3), again=st.booleans())
    def reconnect(self, name: bytes, kept: int, again: bool) -> None:
        if name not in self.held:
            return
        self.unreachable.discard(name)
        if not self.machine._rows[name].draining:
            self.open.add(name)
        self.feed(LinkOpened(self.now, name, "control"))
        self.feed(LinkOpened(self.now, name, "data"))
        row = self.machine._rows[name]
        register = msgspec.structs.replace(
            row.register, held=list(self.held[name])[:kept], capacity=self.capacity[name], unacknowledged=[7] * again
        )
        self.feed(FromManager(self.now, name, register))

    @rule(name=managers)
    def drain(self, name: bytes) -> None:
        if name in self.held:
            block = self.machine._rows[name].register.block
            self.drained.add(block)
            self.open -= {other for other, row in self.machine._rows.items() if row.register.block == block}
            self.feed(FromDriver(protocol.Drain([block])))

    @rule(name=consumes(managers), data=st.data())
    def leave(self, name: bytes, data: st.DataObject) -> None:
        if name in self.held:
            self.open.discard(name)
            returned = data.draw(st.sets(st.sampled_from([*self.held[name], 10**9])))
            self.feed(FromManager(self.now, name, protocol.Goodbye("", sorted(returned))))

    @rule(name=managers)
    def end_block(self, name: bytes) -> None:
        if name in self.held:
            self.feed(FromDriver(protocol.BlockEnded(self.machine._rows[name].register.block, "")))

    @rule(name=managers)
    def break_link(self, name: bytes) -> None:
        self.unreachable.add(name)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 7.0, 40.0, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.turn()

    @rule()
    def turn(self) -> None:
        before = dict(self.waiting)
        while any(e.manager in self.unreachable for e in self.feed(TurnEnded(self.now)) if isinstance(e, Give)):
            pass
        if not self.unreachable and all(item.slots == 1 and not item.walltime for item in before.values()):
            given = [item for attempt, item in before.items() if attempt not in self.waiting]
            in_order = sorted(before.values(), key=lambda item: (item.priority, item.attempt))
            assert {item.attempt for item in given} == {item.attempt for item in in_order[: len(given)]}
        if self.waiting and all(item.slots == 1 for item in self.waiting.values()):
            for name in self.open & self.held.keys():
                held, slots = self.held[name], self.slots[name]
                taken = sum(min(item.slots, slots) for item in held.values())
                free = taken < slots and len(held) < self.capacity[name]
                assert not (free and self.fitting(name)), "something waits although a slot is free"

    def fitting(self, name: bytes) -> list[int]:
        """What waits that a manager has time for; of attempts of about the same walltime, the oldest speaks for all."""
        row, lifetimes = self.machine._rows[name], self.machine._lifetimes
        if lifetimes is None:
            return list(self.waiting)
        heads = [item for _, item in lifetimes.waiting.heads()]
        fits = [item.attempt for item in heads if lifetimes._need(item.walltime) <= row.ends - self.now]
        return fits + [attempt for attempt, item in self.waiting.items() if not item.walltime]

    # --- what always holds

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        self.machine.validate()
        everywhere = [*self.waiting, *(attempt for held in self.held.values() for attempt in held)]
        assert len(everywhere) == len(set(everywhere))
        rows = self.machine._rows
        assert {name: set(held) for name, held in self.held.items()} == {
            name: set(row.held) for name, row in rows.items()
        }
        assert [item.attempt for item in self.machine._backlog if item.attempt not in self.waiting] == []
        assert self.machine.counts()["waiting"] == len(self.waiting)
        assert self.machine.deadline() <= self.now + PERIOD


World.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestWorld = World.TestCase
