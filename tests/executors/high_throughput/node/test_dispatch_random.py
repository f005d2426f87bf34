"""Random events against pipes that behave like real ones: nothing is lost, doubled or stuck."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from parsl_like.executors.high_throughput.node.dispatch import Dispatch
from parsl_like.executors.high_throughput.node.dispatch_events import (
    CancelAsked,
    Event,
    Give,
    Kill,
    NothingNew,
    PipeFull,
    ResultsArrived,
    Returned,
    TakeBack,
    TakenBack,
    TasksArrived,
    TimePassed,
    Withdrawn,
    WorkerGone,
    WorkerReady,
)
from parsl_like.executors.high_throughput.protocol import TaskItem

WORKERS = 3
ROOM = 5
"""What fits into a pipe here, unread."""


@dataclass
class Process:
    """A worker and its pipe, as the kernel has them."""

    unread: deque[int] = field(default_factory=deque)
    running: int | None = None
    reported: list[int] = field(default_factory=list)
    doomed: Kill | None = None


class Node(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.dispatch = Dispatch(WORKERS, None, lambda walltime: 6.0 - walltime)
        self.processes: dict[int, Process] = {}
        self.absent = set(range(WORKERS))
        self.next = 0
        self.slots: dict[int, int] = {}
        self.ended: dict[int, str] = {}
        self.overdue: set[int] = set()

    def feed(self, event: Event) -> None:
        events = deque((event,))
        while events:
            event = events.popleft()
            for effect in self.dispatch.handle(event):
                if isinstance(effect, Give):
                    process = self.processes[effect.worker]
                    assert process.doomed is None
                    attempts = [item.attempt for item in effect.items]
                    fitting = attempts[: ROOM - len(process.unread)]
                    process.unread.extend(fitting)
                    if refused := attempts[len(fitting) :]:
                        events.append(PipeFull(effect.worker, refused, self.now))
                elif isinstance(effect, TakeBack):
                    unread = self.processes[effect.worker].unread
                    taken = [unread.popleft() for _ in range(min(effect.count, len(unread)))]
                    events.append(TakenBack(effect.worker, taken, self.now))
                elif isinstance(effect, Withdrawn):
                    for attempt in effect.attempts:
                        self.end(attempt, "withdrawn")
                elif isinstance(effect, Returned):
                    for attempt in effect.attempts:
                        self.end(attempt, "returned")
                else:
                    process = self.processes[effect.worker]
                    assert process.doomed is None
                    assert not process.unread
                    assert effect.attempt == process.running or effect.attempt in process.reported
                    process.doomed = effect

    def end(self, attempt: int, how: str) -> None:
        assert attempt not in self.ended, f"{attempt} has ended twice"
        self.ended[attempt] = how

    # --- what happens

    @rule(
        count=st.integers(1, 30),
        priority=st.sampled_from([0.0, 0.0, 0.0, 1.0]),
        walltime=st.sampled_from([0.0, 0.0, 2.0]),
        slots=st.sampled_from([1, 1, 1, 1, 2, 7]),
    )
    def arrive(self, count: int, priority: float, walltime: float, slots: int) -> None:
        new = range(self.next, self.next + count)
        self.next += count
        self.slots.update(dict.fromkeys(new, slots))
        self.feed(TasksArrived([TaskItem(n, b"", b"", 0, priority, walltime, 0, slots) for n in new], self.now))

    @rule(seconds=st.sampled_from([1e-5, 1e-3, 0.02, 3.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = self.dispatch.deadline()
        if due is not None and self.now >= due:
            self.feed(TimePassed(self.now))

    @precondition(lambda self: self.absent)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.absent)))
        self.absent.discard(number)
        self.processes[number] = Process()
        self.feed(WorkerReady(number, self.now))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), steps=st.integers(1, 8))
    def work(self, data: st.DataObject, steps: int) -> None:
        """A worker reads and finishes, unseen by the manager."""
        process = self.processes[data.draw(st.sampled_from(sorted(self.processes)))]
        for _ in range(steps):
            if process.running is not None:
                process.reported.append(process.running)
                process.running = None
            elif process.unread:
                process.running = process.unread.popleft()

    @precondition(lambda self: any(process.reported for process in self.processes.values()))
    @rule(seconds=st.sampled_from([1e-6, 1e-4, 5e-3, 1.0]))
    def collect(self, seconds: float) -> None:
        for number, process in self.processes.items():
            if reported := process.reported:
                process.reported = []
                for attempt in reported:
                    self.end(attempt, "reported")
                self.feed(ResultsArrived(number, reported, seconds * len(reported), self.now))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), begun=st.booleans())
    def die(self, data: st.DataObject, begun: bool) -> None:
        self.collect(1e-5)
        number = data.draw(st.sampled_from(sorted(self.processes)))
        process = self.processes.pop(number)
        self.absent.add(number)
        started = process.running if begun or process.doomed is not None else None
        if started is not None:
            self.end(started, "died")
        self.feed(WorkerGone(number, started, self.now))

    @precondition(lambda self: self.next)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.feed(CancelAsked(data.draw(st.sets(st.integers(0, self.next - 1), max_size=4)), self.now))

    @rule()
    def take_nothing_new(self) -> None:
        self.feed(NothingNew(self.now))

    # --- what holds

    @invariant()
    def each_attempt_is_in_one_place(self) -> None:
        places = self.dispatch.waiting()
        for number, process in self.processes.items():
            there = [*process.reported, *([process.running] if process.running is not None else []), *process.unread]
            assert self.dispatch.in_pipe(number) == there
            places += there
        assert len(places) == len(set(places))
        assert set(places) == set(range(self.next)) - self.ended.keys() == set(self.dispatch.held())
        assert len(self.dispatch) == len(places)

    @invariant()
    def nobody_waits_beside_an_idle_worker(self) -> None:
        """Except for an attempt that wants more workers than are idle, and those behind it."""
        waiting = self.dispatch.waiting()
        busy = [number for number, process in self.processes.items() if self.dispatch.in_pipe(number)]
        lent = sum(min(self.slots[n], WORKERS) - 1 for number in busy for n in self.dispatch.in_pipe(number))
        idle = len(self.processes) - len(busy) - lent
        doomed = sum(process.doomed is not None and process.running is None for process in self.processes.values())
        if waiting and idle > doomed:
            assert min(self.slots[waiting[0]], WORKERS) > idle - doomed

    def teardown(self) -> None:
        """In the end, everything ends."""
        for number in [number for number, process in self.processes.items() if process.doomed is not None]:
            process = self.processes.pop(number)
            self.absent.add(number)
            for attempt in process.reported:
                self.end(attempt, "reported")
            if process.reported:
                self.feed(ResultsArrived(number, process.reported, 0.1, self.now))
            if process.running is not None:
                self.end(process.running, "killed")
            self.feed(WorkerGone(number, process.running, self.now))
        for number in sorted(self.absent):
            self.processes[number] = Process()
            self.feed(WorkerReady(number, self.now))
        for _ in range(10 * self.next + 10):
            for process in self.processes.values():
                if process.running is None and process.unread:
                    process.running = process.unread.popleft()
                if process.running is not None:
                    process.reported.append(process.running)
                    process.running = None
            self.collect(1e-5)
            self.now += 1e-3
        assert len(self.dispatch) == 0
        assert set(self.ended) == set(range(self.next))


TestNode = Node.TestCase
TestNode.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
