"""What every executor's session promises, as tests to subclass."""

# ruff: noqa: S101 - tests are written with assert

from __future__ import annotations

import itertools
import selectors
import socket
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from parsl_like.clocks import SystemClock
from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.ids import ExecutorLabel, TaskId
from parsl_like.core.ports import ExecutorSession, RunContext, RunInfo
from parsl_like.errors import SerializationError, TaskExit
from parsl_like.executors.attempts import AttemptMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from parsl_like.core.records import Record
    from parsl_like.core.task import TaskRow

SUCCEEDED, FAILED = int(EventType.ATTEMPT_SUCCEEDED), int(EventType.ATTEMPT_FAILED)

PATIENCE_S = 60.0
"""How long a test waits for what must come."""


class Owner:
    """What a kernel's owner thread does for a session, done by the test's own thread, and only when it waits.

    Args:
        directory: The executor's directory.
        label: The executor's label.
    """

    def __init__(self, directory: Path, label: str = "contract") -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._deferred: deque[Callable[[], Sequence[RawEvent]]] = deque()
        self._numbers = itertools.count()
        self._session: ExecutorSession | None = None
        self.records: list[Record] = []
        self.ended: dict[int, RawEvent] = {}
        self.seen: Counter[int] = Counter()
        run = RunInfo(run_id="contract", run_dir=str(directory), started=time.time())
        self.context = RunContext(
            run, ExecutorLabel(label), str(directory), self.wake, self.defer, self.records.append, SystemClock()
        )

    def wake(self) -> None:
        """End a wait."""
        with suppress(OSError):  # the test is over
            self._sender.send(b"x")

    def defer(self, work: Callable[[], Sequence[RawEvent]]) -> None:
        """Run something at the next look."""
        self._deferred.append(work)
        self.wake()

    def serve(self, session: ExecutorSession) -> None:
        """Look after a session from now on."""
        self._session = session
        self._maker = AttemptMaker(session)

    @property
    def session(self) -> ExecutorSession:
        """The session."""
        assert self._session is not None, "nothing is served yet"
        return self._session

    def attempt(self, func: Callable[..., Any], *args: Any, priority: float = 0, **kwargs: Any) -> TaskRow:
        """A new attempt, not submitted."""
        row = self._maker.make(TaskId(next(self._numbers)), func, args, kwargs)
        row.priority = priority
        return row

    def submit(self, func: Callable[..., Any], *args: Any, priority: float = 0, **kwargs: Any) -> int:
        """Submit one call; its attempt's id."""
        row = self.attempt(func, *args, priority=priority, **kwargs)
        self.session.submit([row])
        return row.attempt_id

    def event(self, attempt: int) -> RawEvent:
        """How an attempt ended; waits for it."""
        self.wait_for([attempt])
        return self.ended[attempt]

    def run(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The value of a call.

        Raises:
            BaseException: what it failed with.
        """
        code, _, data = self.event(self.submit(func, *args, **kwargs))
        if code != SUCCEEDED:
            raise data[0]
        return data[0]

    def wait_for(self, attempts: Iterable[int]) -> None:
        """Look after the session until all these attempts have ended."""
        missing = set(attempts) - self.ended.keys()
        give_up = time.monotonic() + PATIENCE_S
        with selectors.DefaultSelector() as selector:
            for fd in (self._receiver.fileno(), *self.session.fds()):
                selector.register(fd, selectors.EVENT_READ)
            while missing:
                if not self.look():
                    woken = selector.select(max(0.0, give_up - time.monotonic()))
                    load = self.session.load()
                    assert woken, f"{len(missing)} attempt(s) did not end, or ended and woke nobody; load: {load}"
                missing -= self.ended.keys()

    def look(self) -> bool:
        """Take what has come; False if nothing has."""
        with suppress(BlockingIOError):
            self._receiver.recv(1 << 16)
        events = list(self.session.pump())
        while self._deferred:
            events += self._deferred.popleft()()
        for event in events:
            self.ended[event[1]] = event
            self.seen[event[1]] += 1
        return bool(events)

    def close(self) -> None:
        """Give back what the owner itself holds."""
        self._receiver.close()
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ExecutorContract:
    """Subclass it as ``Test...`` and say how to open a session.

    The functions that it runs are in this module, so that worker processes find them.
    """

    def open_session(self, context: RunContext, slots: int) -> ExecutorSession:
        """A session that runs ``slots`` tasks at once. What it needs beside itself is started here, too."""
        raise NotImplementedError

    def close_session(self, session: ExecutorSession) -> None:
        """End the session, and what was started beside it."""
        session.close(deadline=time.monotonic() + 20)

    @pytest.fixture
    def owner(self, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
        """An owner that serves a session with two slots, or as many as the mark ``slots`` says."""
        with Owner(tmp_path) as owner:
            session = self.open_session(owner.context, getattr(request, "param", 2))
            owner.serve(session)
            try:
                yield owner
            finally:
                self.close_session(session)

    def test_is_a_session(self, owner: Owner) -> None:
        """It has what the kernel asks for."""
        session = owner.session
        assert isinstance(session, ExecutorSession)
        assert session.label == owner.context.label
        assert session.wants in ("objects", "bytes")

    def test_success(self, owner: Owner) -> None:
        """A value comes back, with the times and the place if they are told."""
        code, _, (value, report) = owner.event(owner.submit(combine, 1, [2], key="k"))
        assert code == SUCCEEDED
        assert value == (1, [2], "k")
        if report is not None:
            started, ended, place = report
            assert started <= ended
            assert place

    def test_failure(self, owner: Owner) -> None:
        """The user's exception comes back as itself, at the cost of one failure."""
        code, _, (error, cost, _) = owner.event(owner.submit(fail, "reason"))
        assert code == FAILED
        assert cost == 1.0
        assert isinstance(error, ValueError)
        assert error.args == ("reason",)

    @pytest.mark.parametrize("how", ["exit", "interrupt", "generator", "own"])
    def test_what_would_end_a_worker_does_not(self, owner: Owner, how: str) -> None:
        """An exception that is no Exception fails its task only."""
        code, _, (error, *_) = owner.event(owner.submit(leave, how))
        assert code == FAILED
        assert isinstance(error, TaskExit)
        name = error.type_name.rpartition(".")[2]
        assert name in ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "Leaving")
        assert owner.run(combine, 1, 2, key=3) == (1, 2, 3)

    def test_deep_recursion(self, owner: Owner) -> None:
        """It fails with the error it has anywhere, and the next task runs."""
        with pytest.raises(RecursionError):
            owner.run(descend)
        assert owner.run(combine, 1, 2) == (1, 2, None)

    def test_a_result_that_cannot_be_pickled(self, owner: Owner) -> None:
        """It is passed by reference, or named in an error; the next task runs."""
        code, _, data = owner.event(owner.submit(make_lock))
        if owner.session.wants == "objects":
            assert code == SUCCEEDED
        else:
            assert code == FAILED
            assert isinstance(data[0], SerializationError)
        assert owner.run(combine, 1, 2) == (1, 2, None)

    def test_each_of_many_attempts_ends_once(self, owner: Owner) -> None:
        """Whatever the size of the batches."""
        rows = [owner.attempt(combine, number, None) for number in range(3000)]
        sizes = itertools.cycle((1, 2, 7, 100, 500))
        at = 0
        while at < len(rows):
            size = next(sizes)
            owner.session.submit(rows[at : at + size])
            at += size
            owner.look()
        owner.wait_for(row.attempt_id for row in rows)
        owner.look()
        assert [owner.ended[row.attempt_id][2][0][0] for row in rows] == list(range(3000))
        assert set(owner.seen.values()) == {1}

    def test_an_idle_session_has_no_news(self, owner: Owner) -> None:
        """Looking at it gives nothing, and does not wait."""
        owner.run(combine, 1, 2)
        assert list(owner.session.pump()) == []

    @pytest.mark.parametrize("owner", [1], indirect=True)
    def test_order(self, owner: Owner, tmp_path: Path) -> None:
        """Lower priorities first, equal ones in order; tasks that run are not disturbed."""
        log, gate = tmp_path / "log", tmp_path / "gate"
        first = owner.submit(wait_for, str(gate), str(tmp_path / "reached"))
        self._wait_until(tmp_path / "reached", owner)
        plan = [("late", 5.0), ("a", 0.0), ("b", 0.0), ("urgent", -1.0), ("c", 0.0)]
        rows = [owner.attempt(note, str(log), name, priority=priority) for name, priority in plan]
        owner.session.submit(rows[:3])
        owner.session.submit(rows[3:])
        gate.touch()
        owner.wait_for([first, *(row.attempt_id for row in rows)])
        assert log.read_text(encoding="utf-8").split() == ["urgent", "a", "b", "c", "late"]

    @pytest.mark.parametrize("owner", [1], indirect=True)
    def test_cancelled_attempts_never_begin(self, owner: Owner, tmp_path: Path) -> None:
        """Those that wait for a slot when they are cancelled; their neighbours are not touched."""
        log, gate = tmp_path / "log", tmp_path / "gate"
        first = owner.submit(wait_for, str(gate), str(tmp_path / "reached"))
        self._wait_until(tmp_path / "reached", owner)
        rows = [owner.attempt(note, str(log), name) for name in ("a", "b", "c", "d")]
        owner.session.submit(rows)
        owner.session.cancel([rows[1].attempt_id, rows[2].attempt_id])
        gate.touch()
        owner.wait_for([first, rows[0].attempt_id, rows[3].attempt_id])
        assert log.read_text(encoding="utf-8").split() == ["a", "d"]
        assert owner.run(combine, 1, 2) == (1, 2, None)
        assert owner.session.load().outstanding == 0

    def test_load(self, owner: Owner, tmp_path: Path) -> None:
        """It counts what has been submitted and has not ended."""
        gate = tmp_path / "gate"
        assert owner.session.load().outstanding == 0
        attempts = [owner.submit(wait_for, str(gate)) for _ in range(3)]
        load = owner.session.load()
        assert load.outstanding == 3
        assert load.label == owner.context.label
        assert load.slots_per_block >= 1
        gate.touch()
        owner.wait_for(attempts)
        assert owner.session.load().outstanding == 0
        assert owner.session.load().slots >= 1

    def test_can_be_closed_under_a_running_task(self, owner: Owner, tmp_path: Path) -> None:
        """Closing does not wait for a task longer than it may."""
        gate = tmp_path / "gate"
        owner.submit(wait_for, str(gate), str(tmp_path / "reached"))
        self._wait_until(tmp_path / "reached", owner)
        try:
            owner.session.close(deadline=time.monotonic() + 3)
        finally:
            gate.touch()

    def test_can_be_closed_twice_and_at_once(self, tmp_path: Path) -> None:
        """Before anything ran, and after it was closed."""
        with Owner(tmp_path) as owner:
            session = self.open_session(owner.context, 1)
            self.close_session(session)
            session.close(deadline=time.monotonic() + 5)

    @staticmethod
    def _wait_until(path: Path, owner: Owner) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not path.exists():
            owner.look()
            assert time.monotonic() < give_up, f"{path.name} was not reached"
            threading.Event().wait(0.01)


# --- what the tests run


class Leaving(BaseException):
    """Not an Exception."""


def combine(first: Any, second: Any, key: Any = None) -> tuple[Any, Any, Any]:
    """Give back what came."""
    return first, second, key


def fail(reason: str) -> None:
    """Raise what users raise."""
    raise ValueError(reason)


def leave(how: str) -> None:
    """Raise what ends interpreters."""
    raise {"exit": SystemExit(3), "interrupt": KeyboardInterrupt(), "generator": GeneratorExit(), "own": Leaving("x")}[
        how
    ]


def descend(depth: int = 0) -> int:
    """Never come back."""
    return descend(depth + 1) + 1


def make_lock() -> Any:
    """Give what no pickle holds."""
    return threading.Lock()


def note(log: str, name: str) -> None:
    """Leave a line that this ran."""
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")


def wait_for(gate: str, reached: str | None = None) -> None:
    """Say that this runs, then wait until the gate is there."""
    if reached is not None:
        Path(reached).touch()
    give_up = time.monotonic() + PATIENCE_S
    while not Path(gate).exists() and time.monotonic() < give_up:
        threading.Event().wait(0.01)
