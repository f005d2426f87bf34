"""The owner thread: takes what comes from anywhere at any moment, sleeps only when there is nothing, and dies aloud."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.events import EventType
from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import Phase
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.dataflow.futures import AppFuture
from parsl_like.dataflow.loop import KernelLoop
from parsl_like.errors import BadStateException, InternalConsistencyError

if TYPE_CHECKING:
    from parsl_like.core.machine import TaskMachine

PATIENCE = 30.0
APP = AppSpec("work", None)
OWNER = "parsl-like-kernel"


class Driver:
    """A loop over a real machine, one executor of the test's own, and effects that are noted down."""

    def __init__(self, machine: TaskMachine, session: Any, noted: Any, effects_with: Callable[..., Any]) -> None:
        self.machine, self.session, self.noted = machine, session, noted
        self.crashes: list[tuple[str, BaseException]] = []
        self.crashed = threading.Event()
        self.loop = KernelLoop(machine, self.on_crash)
        self.effects = effects_with(noted, {session.label: session}, post_all=self.loop.post_all)
        self.loop.add_session(session)
        self.tasks = 0

    def on_crash(self, error: BaseException, ended: Sequence[TaskRow]) -> None:
        self.untold = list(ended)
        self.crashes.append((threading.current_thread().name, error))
        self.crashed.set()

    def start(self, **options: Any) -> KernelLoop:
        self.loop.start(self.effects, **options)
        return self.loop

    def row(self, *depends: int) -> TaskRow:
        row = TaskRow(TaskId(self.tasks), APP, "x", AppFuture(self.tasks, "work"))
        row.depends, row.ready = depends, True
        self.tasks += 1
        return row

    def submit(self, *depends: int) -> TaskRow:
        row = self.row(*depends)
        self.loop.post((EventType.SUBMITTED, row.id, row))
        return row

    def settled(self) -> list[int]:
        return [future.tid for batch in self.noted.of("complete") for future in batch]

    def wait_for(self, *tasks: int) -> None:
        self.noted.wait_for(lambda: set(tasks) <= set(self.settled()))

    def succeed(self, task: int) -> None:
        self.session.news.append((EventType.ATTEMPT_SUCCEEDED, attempt_id(task, 0), ("value", None)))


@pytest.fixture
def driver(machine: TaskMachine, session: Any, noted: Any, effects_with: Callable[..., Any]) -> Iterator[Driver]:
    made = Driver(machine, session, noted, effects_with)
    yield made
    made.loop.stop()


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns far more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def asleep(loop: KernelLoop) -> None:
    """Return once the thread sleeps."""
    pause = threading.Event()
    while not loop._asleep:
        pause.wait(0.001)


# --- when it wakes up by itself


def test_a_session_is_pumped_when_it_said_so(driver: Driver) -> None:
    session, looked = driver.session, threading.Event()

    def pump() -> Sequence[Any]:
        if time.monotonic() >= session.due:
            session.due = math.inf
            looked.set()
        return ()

    session.due, session.pump = time.monotonic() + 0.05, pump
    driver.start()
    assert looked.wait(PATIENCE)


def test_a_session_without_a_deadline_or_with_a_broken_one_is_served(
    driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    driver.session.due = None  # what is compared with a number then raises
    loop = driver.start()
    driver.submit()
    asleep(loop)
    driver.succeed(0)
    loop.wake()
    driver.wait_for(0)
    assert "asked for its next deadline" in caplog.text


# --- a task from the inbox to its end


def test_everything_happens_on_the_owner_thread(driver: Driver) -> None:
    loop = driver.start()
    driver.submit()
    asleep(loop)
    driver.succeed(0)
    loop.wake()
    driver.wait_for(0)
    assert driver.session.threads == {OWNER}
    assert (driver.session.submitted, loop.alive) == ([attempt_id(0, 0)], True)


def test_what_was_posted_before_the_start_is_done_after_it(driver: Driver) -> None:
    driver.submit()
    assert driver.loop.backlog == 1
    assert not driver.loop.alive
    driver.start()
    driver.noted.wait_for(lambda: driver.session.submitted == [attempt_id(0, 0)])


def test_many_events_are_posted_at_once(driver: Driver) -> None:
    loop = driver.start()
    rows = [driver.row() for _ in range(50)]
    loop.post_all([(EventType.SUBMITTED, row.id, row) for row in rows])
    driver.noted.wait_for(lambda: len(driver.session.submitted) == 50)


def test_events_happen_at_the_time_of_the_system(driver: Driver) -> None:
    before = time.time()
    loop = driver.start()
    row = driver.submit()
    loop.call(lambda: None)
    assert before <= row.submitted <= time.time()


def test_an_executor_that_answers_while_it_is_given_something(driver: Driver) -> None:
    """Its news are there before the thread goes to sleep, without any wake-up."""
    submit = driver.session.submit

    def answer_at_once(attempts: Any) -> None:
        submit(attempts)
        for attempt in attempts:
            driver.succeed(attempt.id)
        driver.loop.wake()

    driver.session.submit = answer_at_once
    driver.start()
    for _ in range(20):
        driver.submit()
    driver.wait_for(*range(20))


# --- nobody is kept waiting


def test_a_descriptor_that_becomes_readable_ends_the_sleep(
    machine: TaskMachine, noted: Any, effects_with: Callable[..., Any], session_of: Any
) -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        session = session_of(fds=(theirs.fileno(),))
        pump = session.pump

        def drain() -> Any:
            theirs.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                theirs.recv(100)
            return pump()

        session.pump = drain
        driver = Driver(machine, session, noted, effects_with)
        loop = driver.start()
        driver.submit()
        asleep(loop)
        driver.succeed(0)
        mine.send(b"x")
        driver.wait_for(0)
        loop.call(lambda: loop.remove_session(session))
        pumped = session.pumped
        driver.submit()
        loop.call(lambda: None)
        assert session.pumped == pumped
        loop.stop()


def test_news_that_come_after_a_look_and_before_the_sleep(driver: Driver, on_a_thread: Callable[..., Any]) -> None:
    """The executor was just asked and had nothing; before the thread is asleep there is something."""
    pump, tricks = driver.session.pump, iter([0])

    def then_there_is() -> Any:
        events = pump()
        if driver.session.submitted and next(tricks, None) is not None:
            on_a_thread(lambda: (driver.succeed(0), driver.loop.wake())).result(PATIENCE)
        return events

    driver.session.pump = then_there_is
    driver.start()
    driver.submit()
    driver.wait_for(0)


@pytest.mark.parametrize("before", [True, False], ids=["as it falls asleep", "as it wakes up"])
@pytest.mark.parametrize("by", ["post", "wake"])
def test_news_that_come_just_then(driver: Driver, on_a_thread: Callable[..., Any], before: bool, by: str) -> None:
    """Between the flag that says "asleep" and the sleep, and between its end and the flag that says "awake"."""
    loop, tricks = driver.loop, iter([0])
    select = loop._selector.select

    def bring_news() -> None:
        if by == "wake":
            driver.succeed(0)
            loop.wake()
        else:
            loop.post((EventType.ATTEMPT_SUCCEEDED, attempt_id(0, 0), ("value", None)))

    def select_slowly(timeout: float | None = None) -> Any:
        mine = bool(driver.session.submitted) and next(tricks, None) is not None
        if mine and before:
            on_a_thread(bring_news).result(PATIENCE)
        elif mine:
            on_a_thread(loop.wake).result(PATIENCE)
        found = select(timeout)
        if mine and not before:
            on_a_thread(bring_news).result(PATIENCE)
        return found

    loop._selector.select = select_slowly  # type: ignore[method-assign]
    driver.start()
    driver.submit()
    driver.wait_for(0)


@pytest.mark.usefixtures("switching")
def test_no_news_of_a_busy_executor_waits_for_ever(driver: Driver, on_a_thread: Callable[..., Any]) -> None:
    """One task at a time: a single wake-up that is lost is one task that never ends."""
    given: SimpleQueue[Any] = SimpleQueue()
    driver.session.submit = lambda attempts: [given.put(attempt.id) for attempt in attempts]
    stop = object()

    def answer() -> None:
        while (task := given.get()) is not stop:
            for _ in range(random.Random(task).randrange(200)):
                pass
            driver.succeed(task)
            driver.loop.wake()

    answering = on_a_thread(answer)
    driver.start()
    for task in range(1500):
        driver.submit()
        driver.wait_for(task)
    given.put(stop)
    answering.result(PATIENCE)


@pytest.mark.usefixtures("switching")
def test_events_of_many_threads_are_all_taken(driver: Driver, on_a_thread: Callable[..., Any]) -> None:
    loop = driver.start()
    rows = [driver.row() for _ in range(2000)]

    def post(share: int) -> None:
        for row in rows[share::4]:
            loop.post((EventType.SUBMITTED, row.id, row))

    for run in [on_a_thread(lambda share=share: post(share)) for share in range(4)]:
        run.result(PATIENCE)
    loop.call(lambda: None)
    loop.call(lambda: None)
    assert sorted(driver.session.submitted) == [attempt_id(row.id, 0) for row in rows]


def test_a_flood_of_wake_ups_blocks_nobody(driver: Driver) -> None:
    """The pipe may be full of them: the thread is being woken already."""
    loop = driver.start()
    gate = threading.Event()
    loop.post((-1, 0, lambda: gate.wait(PATIENCE)))
    for _ in range(10_000):
        loop._asleep = True
        loop.wake()
    gate.set()
    driver.submit()
    driver.noted.wait_for(lambda: bool(driver.session.submitted))
    assert loop.call(lambda: "answered") == "answered"


# --- calls


def test_a_call_is_made_on_the_owner_thread_after_what_was_posted_before_it(driver: Driver) -> None:
    loop = driver.start()
    rows = [driver.submit() for _ in range(3)]
    name, known = loop.call(lambda: (threading.current_thread().name, list(driver.machine.rows.values())))
    assert (name, known) == (OWNER, rows)


def test_a_call_on_the_owner_thread_is_made_at_once(driver: Driver) -> None:
    loop = driver.start()
    assert loop.call(lambda: loop.call(lambda: threading.current_thread().name)) == OWNER


def test_a_call_that_nobody_answers_gives_up(driver: Driver) -> None:
    loop = driver.start()
    loop.stop()
    with pytest.raises(TimeoutError, match="the kernel's owner thread has ended"):
        loop.call(lambda: None)


def test_what_a_call_feeds_to_the_machine_is_carried_out(driver: Driver) -> None:
    loop = driver.start()
    row = driver.row()
    loop.call(lambda: driver.machine.feed([(EventType.SUBMITTED, row.id, row)]))
    driver.noted.wait_for(lambda: bool(driver.noted.of("record")))
    assert driver.session.submitted == [attempt_id(0, 0)]


def test_what_a_call_raises_is_raised_to_its_caller(driver: Driver) -> None:
    loop = driver.start()
    with pytest.raises(ZeroDivisionError):
        loop.call(lambda: 1 // 0, timeout=1)
    assert loop.call(lambda: "alive", timeout=1) == "alive"


def test_what_was_posted_before_a_call_has_been_carried_out_too(
    driver: Driver, on_a_thread: Callable[..., Any]
) -> None:
    loop, gate, busy = driver.start(), threading.Event(), threading.Event()
    blocking = on_a_thread(lambda: loop.call(lambda: (busy.set(), gate.wait(PATIENCE)), timeout=PATIENCE))
    assert busy.wait(PATIENCE)
    driver.submit()
    asking = on_a_thread(lambda: loop.call(lambda: list(driver.session.submitted), timeout=PATIENCE))
    while loop.backlog < 2:
        threading.Event().wait(0.001)
    gate.set()
    blocking.result(PATIENCE)
    assert asking.result(PATIENCE) == [attempt_id(0, 0)]


# --- what failures cost


def test_failures_are_judged_before_the_machine_hears_of_them(driver: Driver) -> None:
    asked: list[tuple[int, Any]] = []
    judged = threading.Event()

    def ask(attempt: int, failure: Any) -> None:
        asked.append((attempt, failure))
        judged.set()

    loop = driver.start(ask_cost=ask)
    driver.submit()
    driver.submit()
    driver.session.news.append((EventType.ATTEMPT_FAILED, attempt_id(0, 0), ("error", 1.0, None)))
    driver.succeed(1)
    loop.wake()
    driver.wait_for(1)
    assert judged.wait(PATIENCE)
    assert asked == [(attempt_id(0, 0), ("error", 1.0, None))]
    assert driver.machine.rows[0].phase == Phase.launched
    loop.post((EventType.ATTEMPT_FAILED, attempt_id(0, 0), (ValueError("error"), 2.0, None)))
    driver.wait_for(0)


@pytest.mark.parametrize("judged", [True, False])
def test_what_executors_tell_on_other_threads_is_judged_alike(driver: Driver, judged: bool) -> None:
    asked: list[int] = []
    loop = driver.start(ask_cost=(lambda attempt, _: asked.append(attempt)) if judged else None)
    driver.submit()
    driver.submit()
    failed = (EventType.ATTEMPT_FAILED, attempt_id(0, 0), (ValueError("error"), 1.0, None))
    loop.post_news([failed, (EventType.ATTEMPT_SUCCEEDED, attempt_id(1, 0), ("value", None))])
    driver.wait_for(1)
    assert asked == ([attempt_id(0, 0)] if judged else [])
    loop.post(failed)
    driver.wait_for(0)


# --- the end


def test_a_crash_is_told_on_the_thread_that_crashed(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError("the executor's code is broken")

    def broken(_events: Any) -> Any:
        raise error

    driver.machine.feed = broken
    driver.submit()
    with caplog.at_level(logging.CRITICAL):
        driver.start()
        assert driver.crashed.wait(PATIENCE)
        driver.loop._thread.join(PATIENCE)
    assert driver.crashes == [(OWNER, error)]
    assert not driver.loop.alive
    assert "the kernel's owner thread crashed" in caplog.text


def test_an_event_that_cannot_be_is_a_crash_with_the_tasks_story(driver: Driver) -> None:
    loop = driver.start()
    driver.submit()
    loop.post((EventType.PREPARED, 0, ("f", (), {}, None, ())))
    assert driver.crashed.wait(PATIENCE)
    ((_, error),) = driver.crashes
    assert isinstance(error, InternalConsistencyError)
    assert "cannot take PREPARED in phase launched; story: ['#1 try 0 new <- SUBMITTED'" in str(error)


def test_what_comes_after_a_crash_is_kept_for_whoever_ends_it(driver: Driver) -> None:
    driver.machine.feed = lambda _events: 1 // 0
    driver.submit()
    loop = driver.start()
    assert driver.crashed.wait(PATIENCE)
    loop._thread.join(PATIENCE)
    row = driver.submit()
    assert loop.unread()[-1] == (EventType.SUBMITTED, row.id, row)
    assert loop.backlog == 0


def test_no_task_that_was_taken_from_the_inbox_is_lost_in_a_crash(driver: Driver) -> None:
    driver.submit()
    driver.loop.post((EventType.PREPARED, 0, ("f", (), {}, None, ())))
    late = driver.submit()
    driver.start()
    assert driver.crashed.wait(PATIENCE)
    driver.loop._thread.join(PATIENCE)
    known = [*driver.machine.rows.values(), *(event[2] for event in driver.loop.unread())]
    assert late in known


def test_no_end_is_lost_in_a_crash(driver: Driver) -> None:
    loop = driver.start()
    ended = driver.submit()
    driver.submit()
    loop.call(lambda: None)
    loop.post_all(
        [
            (EventType.ATTEMPT_SUCCEEDED, attempt_id(0, 0), ("value", None)),
            (EventType.PREPARED, 1, ("f", (), {}, None, ())),
        ]
    )
    assert driver.crashed.wait(PATIENCE)
    loop._thread.join(PATIENCE)
    assert ended.future.settled or ended in driver.machine.rows.values()


def test_a_loop_that_never_started_leaves_nothing_open(machine: TaskMachine) -> None:
    loop = KernelLoop(machine, print)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    loop.stop()
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after == before - 3 if before else after == 0  # two sockets and a selector


def test_stopping_twice_does_no_harm(driver: Driver) -> None:
    loop = driver.start()
    loop.stop()
    assert not loop.alive
    loop.stop()
    loop.wake()
    loop.post((EventType.TIME_PASSED, 0, 1.0))
    assert loop.unread() == [(EventType.TIME_PASSED, 0, 1.0)]


def test_a_sleeping_loop_is_stopped(driver: Driver) -> None:
    loop = driver.start()
    asleep(loop)
    loop.stop()
    assert not loop.alive


def test_a_loop_stopped_by_itself_is_closed_by_whoever_stops_it_next(driver: Driver) -> None:
    loop = driver.start()
    loop.call(loop.stop)
    loop._thread.join(PATIENCE)
    assert not loop.alive
    loop.stop()
    assert driver.crashes == []


def test_an_executor_that_fails_when_asked_loses_its_tasks_only(
    driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    error = RuntimeError("its link broke")

    def broken() -> Any:
        raise error

    loop = driver.start()
    first = driver.submit()
    loop.call(lambda: None)
    driver.session.pump = broken
    with caplog.at_level(logging.ERROR):
        loop.wake()
        driver.noted.wait_for(lambda: bool(first.future.settled))
        later = driver.submit()
        driver.noted.wait_for(lambda: bool(later.future.settled))
    for row in (first, later):
        assert isinstance(row.value, BadStateException)
        assert "its link broke" in str(row.value)
    assert "failed while it was asked for results" in caplog.text
    assert loop.alive
    assert not driver.crashes


def test_a_broken_executor_may_have_lost_its_descriptors(
    machine: TaskMachine, session_of: Any, noted: Any, effects_with: Callable[..., Any]
) -> None:
    here, there = socket.socketpair()
    session = session_of("x", fds=[here.fileno()])
    driver = Driver(machine, session, noted, effects_with)

    def broken(*_: Any) -> Any:
        raise RuntimeError("its link broke")

    try:
        loop = driver.start()
        first = driver.submit()
        loop.call(lambda: None)
        session.pump = session.fds = broken
        here.close()
        loop.wake()
        noted.wait_for(lambda: bool(first.future.settled))
        assert loop.alive
    finally:
        driver.loop.stop()
        here.close()
        there.close()


def test_a_crash_that_goes_on_while_ends_are_told_is_told_all_the_same(driver: Driver) -> None:
    def broken(_rows: Any) -> None:
        raise RuntimeError("cannot settle")

    loop = driver.start()
    row = driver.submit()
    loop.call(lambda: None)
    driver.effects.settle = broken
    driver.succeed(0)
    loop.wake()
    assert driver.crashed.wait(PATIENCE)
    assert driver.untold == [row]
    assert loop.over


def test_a_call_to_a_loop_that_ends_is_not_waited_for(driver: Driver, on_a_thread: Callable[..., Any]) -> None:
    loop = driver.start()
    gate, begun = threading.Event(), threading.Event()
    loop.post((-1, 0, lambda: (begun.set(), gate.wait(PATIENCE))))
    assert begun.wait(PATIENCE)
    loop._stopping = True
    loop.machine.feed = lambda _events: 1 // 0  # so that what comes next is never looked at
    calling = on_a_thread(lambda: loop.call(lambda: None, timeout=2 * PATIENCE))
    driver.submit()
    gate.set()
    with pytest.raises(TimeoutError, match="has ended"):
        calling.result(PATIENCE)
