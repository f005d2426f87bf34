"""What a node makes of messages and of workers: a real pool, no interchange."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.node import crew as module
from parsl_like.executors.high_throughput.node import pipe as pipes
from parsl_like.executors.high_throughput.node.crew import Crew
from parsl_like.executors.high_throughput.node.lifetime import Lifetime
from parsl_like.executors.high_throughput.node.outbox import Outbox
from parsl_like.executors.high_throughput.node.pinning import Pin
from parsl_like.executors.high_throughput.node.workers import WorkerPool
from parsl_like.executors.high_throughput.protocol import (
    OUTCOME_LOST,
    OUTCOME_NEWS,
    OUTCOME_VALUE,
    Function,
    ResultItem,
    TaskItem,
    decode,
    decode_items,
)
from parsl_like.executors.high_throughput.results import split
from parsl_like.serialize import pack_call, pack_function, unpack, unpack_failure
from parsl_like.serialize.segments import Segment, layout

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def beside(*buffers: bytes) -> Segment:
    return Segment.written(buffers)


class Desk:
    """A crew and what it has to say."""

    def __init__(self, folder: Path, workers: int) -> None:
        pool = WorkerPool([Pin()] * workers, folder, (), os.environ)
        self.attach(pool, Crew(pool, Outbox(b"m"), "host", None))

    @classmethod
    def around(cls, pool: WorkerPool, crew: Crew) -> Desk:
        """One for a crew of another kind."""
        made = cls.__new__(cls)
        made.attach(pool, crew)
        return made

    def attach(self, pool: WorkerPool, crew: Crew) -> None:
        self.pool, self.crew, self.outbox = pool, crew, crew._outbox
        self.pool.start_missing(0.0)
        self.results: dict[int, tuple[ResultItem, list[Any]]] = {}

    def turn(self) -> None:
        """Wait for a worker, and take what it says."""
        assert select.select([self.pool], [], [], 60)[0], "no worker says anything"
        self.crew.collect(time.monotonic())
        self.look()

    def look(self) -> None:
        for batch in self.outbox.batches(1):
            following = iter(batch.parts)
            for item in decode_items(decode(batch.frame).items):
                assert item.attempt not in self.results
                self.results[item.attempt] = item, [next(following) for _ in range(item.buffers)]

    def take(self, *items: TaskItem, buffers: tuple[Any, ...] = ()) -> set[bytes]:
        return self.crew.take_tasks(items, buffers, time.monotonic())

    def item(self, attempt: int, function: Callable[..., Any], *args: Any, buffers: int = 0) -> TaskItem:
        packed = pack_function(function)
        self.crew.take_function(Function(packed.hash, packed.name, packed.blob), time.monotonic())
        return TaskItem(attempt, packed.hash, pack_call(args, {}).body, buffers)

    def answer(self, attempt: int) -> Any:
        while attempt not in self.results:
            self.turn()
        item, buffers = self.results[attempt]
        body, parts = split(item.body, buffers)
        return unpack(body, parts) if item.outcome == OUTCOME_VALUE else unpack_failure(body)

    def wait_dead(self) -> None:
        until(lambda: bool(self.pool.dead()))
        self.crew.bury(time.monotonic())
        self.crew.keep_up(time.monotonic())
        self.look()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, 1)
    yield made
    made.pool.close()


def touch_and_wait(folder: str) -> str:
    """Say that it runs, and end when it is told to."""
    open(f"{folder}/runs", "w", encoding="ascii").close()
    while not os.path.exists(f"{folder}/go"):
        time.sleep(0.001)
    return "went"


def hasten(desk: Desk) -> None:
    """Let the crew see many short tasks, so that pipes may be deep."""
    items = [desk.item(1000 + number, abs, -1) for number in range(200)]
    desk.take(*items)
    while len(desk.results) < 200:
        desk.turn()


def test_what_it_holds_and_runs(desk: Desk, tmp_path: Path) -> None:
    desk.take(desk.item(1, touch_and_wait, str(tmp_path)), desk.item(2, abs, -2))
    assert desk.take(TaskItem(3, b"?" * 16, b"")) == {b"?" * 16}
    while not (tmp_path / "runs").exists():
        desk.crew.collect(time.monotonic())
    assert (desk.crew.held(), desk.crew.running(), len(desk.crew)) == ([1, 2, 3], [1], 3)
    assert desk.crew.capacity() == 1
    (tmp_path / "go").touch()
    assert [desk.answer(1), desk.answer(2)] == ["went", 2]


def test_nothing_is_run_twice(desk: Desk) -> None:
    item = desk.item(1, abs, -1)
    desk.take(item)
    desk.take(item)
    desk.crew.doubt(frozenset({2}))
    desk.take(desk.item(2, abs, -2), desk.item(3, abs, -3))
    assert [desk.answer(1), desk.answer(3)] == [1, 3]
    assert desk.crew.held() == []
    assert 2 not in desk.results


def test_a_batch_that_miscounts_is_refused_on_every_way(desk: Desk) -> None:
    item = desk.item(1, abs, -1, buffers=2)
    for _ in range(2):
        with pytest.raises(BadMessage, match="count 2 buffers came with 1"):
            desk.take(item, buffers=(b"x",))
        desk.crew.doubt(frozenset({1}))
    assert desk.crew.held() == []


def test_buffers_follow_their_attempts_past_those_left_out(desk: Desk) -> None:
    desk.crew.cancel([1], time.monotonic())
    assert desk.crew.take_cancelled() == [1]
    packed = pack_function(len)
    desk.crew.take_function(Function(packed.hash, "len", packed.blob), time.monotonic())
    bodies = [pack_call((b"x" * number,), {}).body for number in range(4)]
    items = [TaskItem(number, packed.hash, b"", 1) for number in (1, 2, 3)]
    desk.take(*items, buffers=tuple(beside(body) for body in bodies[1:]))
    assert [desk.answer(2), desk.answer(3)] == [2, 3]
    assert 1 not in desk.results


def test_only_the_last_forbidden_attempts_are_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    desk.crew.cancel([1, 2, 3], time.monotonic())
    assert desk.crew.take_cancelled() == [1, 2, 3]
    desk.take(*(desk.item(number, abs, -number) for number in (1, 2, 3)))
    assert desk.answer(1) == 1
    assert desk.crew.held() == []


def test_a_full_pipe_keeps_what_has_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "BUFFER", 4096)
    desk = Desk(tmp_path, 1)
    hasten(desk)
    packed = pack_function(len)
    desk.crew.take_function(Function(packed.hash, "len", packed.blob), time.monotonic())
    bodies = [pack_call((b"x" * (100 + number),), {}).body for number in range(100)]
    items = [TaskItem(number, packed.hash, b"" if number % 2 else bodies[number], number % 2) for number in range(100)]
    desk.take(*items, buffers=tuple(beside(body) for body in bodies[1::2]))
    assert [desk.answer(number) for number in range(100)] == list(range(100, 200))
    desk.pool.close()


def test_what_is_taken_back_keeps_its_frames(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 2)
    hasten(desk)
    packed = pack_function(len)
    desk.crew.take_function(Function(packed.hash, "len", packed.blob), time.monotonic())
    bodies = [pack_call((b"x" * number,), {}).body for number in range(20)]
    long = desk.item(500, touch_and_wait, str(tmp_path))
    others = [TaskItem(number, packed.hash, b"", 1) for number in range(20)]
    desk.take(long, *others, buffers=tuple(beside(body) for body in bodies))
    assert [desk.answer(number) for number in range(20)] == list(range(20))
    assert 500 not in desk.results
    (tmp_path / "go").touch()
    assert desk.answer(500) == "went"
    desk.pool.close()


def test_a_cancelled_attempt_that_was_taken_back_releases_its_frames(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 1)
    hasten(desk)
    desk.take(desk.item(500, touch_and_wait, str(tmp_path)), desk.item(501, len, buffers=1), buffers=(beside(b"x"),))
    until((tmp_path / "runs").exists)
    before = len(os.listdir("/proc/self/fd"))
    desk.crew.cancel([501], time.monotonic())
    assert desk.crew.take_cancelled() == [501]
    assert len(os.listdir("/proc/self/fd")) <= before
    (tmp_path / "go").touch()
    assert desk.answer(500) == "went"
    assert desk.crew.held() == []
    desk.pool.close()


def test_an_attempt_whose_frames_find_no_room_fails_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    desk.take(desk.item(1, len, buffers=1), desk.item(2, abs, -2), buffers=(b"x",))
    error = desk.answer(1)
    assert isinstance(error, OSError)
    assert "could not be handed to a worker of host: [Errno 28] No space left on device" in str(error)
    assert desk.answer(2) == 2


def test_an_attempt_whose_function_was_forgotten_fails_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    item = desk.item(1, abs, -1)
    places = iter([(0, 1)])
    monkeypatch.setattr(desk.pool.functions, "place", lambda _: next(places, None))
    desk.take(item)
    assert "its function was forgotten" in str(desk.answer(1))


def test_a_result_that_cannot_be_received_fails_its_task(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(24, "Too many open files")

    desk.take(desk.item(1, bytes, 100_000))
    monkeypatch.setattr(pipes, "received", refuse)
    assert "could not be passed on" in str(desk.answer(1))


def test_a_worker_that_dies_between_reading_and_beginning_costs_nothing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a moment cannot be hit from outside: a worker that clears its own cell looks just the same."""

    def vanish(descriptor: int, folder: str) -> int:
        from parsl_like.executors.high_throughput.node.cells import Cells

        if os.path.exists(f"{folder}/second"):
            return 1
        open(f"{folder}/second", "w", encoding="ascii").close()
        Cells(descriptor).clear(0)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    arguments = (desk.pool.cells.descriptor, str(tmp_path))
    desk.take(desk.item(1, vanish, *arguments))
    desk.turn()
    desk.wait_dead()
    assert desk.results == {}
    assert desk.answer(1) == 1
    (tmp_path / "second").unlink()
    body = pack_call(arguments, {}).body
    desk.take(msgspec.structs.replace(desk.item(2, vanish), body=b"", buffers=1), buffers=(beside(body),))
    desk.wait_dead()
    assert desk.results[2][0].outcome == OUTCOME_LOST  # its buffers went with the worker


@pytest.mark.parametrize("form", ["segment", "bytes", "frame"])
def test_what_comes_beside_an_attempt_may_come_as_bytes(desk: Desk, form: str) -> None:
    """From another host it does, and from this one where descriptors are scarce."""
    import zmq

    content = b"".join(layout([pack_call((b"x" * 5,), {}).body]))
    part = {"segment": Segment.holding([content]), "bytes": bytearray(content), "frame": zmq.Frame(content)}[form]
    packed = pack_function(len)
    desk.crew.take_function(Function(packed.hash, "len", packed.blob), time.monotonic())
    desk.take(TaskItem(1, packed.hash, b"", 1), buffers=(part,))
    assert desk.answer(1) == 5


def test_functions_are_forgotten_only_when_nothing_is_held(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(desk.pool.functions, "forget_if_large", lambda: seen.append(len(desk.crew)))
    desk.take(desk.item(1, abs, -1), desk.item(2, abs, -2))
    assert [desk.answer(1), desk.answer(2)] == [1, 2]
    assert set(seen) == {0}


def test_after_a_stop_nothing_begins(desk: Desk, tmp_path: Path) -> None:
    desk.take(desk.item(1, touch_and_wait, str(tmp_path)), desk.item(2, abs, -2))
    while not (tmp_path / "runs").exists():
        desk.crew.collect(time.monotonic())
    assert desk.crew.stop(time.monotonic()) == [2]
    desk.wait_dead()
    assert desk.pool.is_empty()
    assert desk.results == {}


def test_results_are_taken_to_the_end(desk: Desk, tmp_path: Path) -> None:
    desk.take(desk.item(1, abs, -1))
    while not desk.results:
        desk.turn()
    desk.crew.stop(time.monotonic())
    desk.wait_dead()
    assert desk.answer(1) == 1


def test_what_has_not_begun_is_handed_back_when_nothing_new_is_taken(desk: Desk, tmp_path: Path) -> None:
    large = beside(pack_call((b"x" * 100_000,), {}).body)
    waits = msgspec.structs.replace(desk.item(2, len), body=b"", buffers=1)
    desk.take(desk.item(1, touch_and_wait, str(tmp_path)), waits, buffers=(large,))
    desk.take(TaskItem(3, b"?" * 16, b""))
    while not (tmp_path / "runs").exists():
        desk.crew.collect(time.monotonic())
    desk.crew.take_nothing_new(time.monotonic())
    desk.look()
    assert [(attempt, item.outcome) for attempt, (item, _) in sorted(desk.results.items())] == [
        (2, OUTCOME_LOST),
        (3, OUTCOME_LOST),
    ]
    assert b"its block ends" in desk.results[2][0].body
    assert desk.crew.held() == [1]
    (tmp_path / "go").touch()
    assert desk.answer(1) == "went"


def test_how_long_tasks_take_is_noted_for_the_end(tmp_path: Path) -> None:
    life = Lifetime(time.monotonic(), 10.0)  # so that a second is worth a note
    pool = WorkerPool([Pin()], tmp_path, (), os.environ)
    desk = Desk.around(pool, Crew(pool, Outbox(b"m"), "host", None, life))
    before = life.look_at
    limited = msgspec.structs.replace(desk.item(1, time.sleep, 1.2), walltime=5.0)
    desk.take(limited, desk.item(2, time.sleep, 0.01))
    assert [desk.answer(1), desk.answer(2)] == [None, None]
    assert life.look_at == before, "it had said how long it may take, or was short"
    desk.take(desk.item(3, time.sleep, 1.2))
    while not desk.crew.ages(time.monotonic()):
        desk.turn()
    assert list(desk.crew.ages(time.monotonic())) == [3]
    assert desk.answer(3) is None
    assert life.look_at < before
    pool.close()


def say_and_wait(folder: str) -> str:
    from parsl_like.remote.news import tell

    tell("transfer", "http://h/x", {"bytes": 3})
    return touch_and_wait(folder)


def test_what_a_task_says_leaves_while_it_runs(desk: Desk, tmp_path: Path) -> None:
    desk.take(desk.item(7, say_and_wait, str(tmp_path)))
    said: list[ResultItem] = []
    while not said:
        assert select.select([desk.pool], [], [], 60)[0]
        desk.crew.collect(time.monotonic())
        for batch in desk.outbox.batches(1):
            assert batch.attempts == []
            said += decode_items(decode(batch.frame).items)
    assert [(item.attempt, item.outcome) for item in said] == [(7, OUTCOME_NEWS)]
    assert msgspec.json.decode(said[0].body) == ["transfer", "http://h/x", {"bytes": 3}]
    assert desk.crew.held() == [7]
    (tmp_path / "go").touch()
    assert desk.answer(7) == "went"
