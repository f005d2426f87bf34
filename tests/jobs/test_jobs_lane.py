"""A provider's calls on a thread of their own: bounded, one after another, and never in anybody's way."""

from __future__ import annotations

import logging
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.jobs.lane import MOST_STUCK, Call, Lane, ProviderSilent, Withdrawn
from parsl_like.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 30.0


class Owner:
    """The thread that a lane belongs to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.lane = Lane("test-lane", self.inbox.put, self.clock.monotonic)
        self.settled: list[tuple[str, Any]] = []
        self.late: list[Any] = []
        self.gates: list[threading.Event] = []

    def call(self, what: str, run: Callable[[], Any], bound: float = 10.0, **more: Any) -> Call:
        def settle(value: Any, error: Exception | None) -> None:
            self.settled.append((what, value if error is None else error))

        return Call(what, run, bound, settle, **more)

    def send(self, what: str, run: Callable[[], Any], *, first: bool = False, **more: Any) -> None:
        self.lane.send(self.call(what, run, **more), first=first)

    def hang(self, what: str, value: Any = None, **more: Any) -> threading.Event:
        """Send a call that hangs until the event is set; waits until it is under way."""
        gate, begun = threading.Event(), threading.Event()
        self.gates.append(gate)

        def run() -> Any:
            begun.set()
            gate.wait()
            return value

        self.send(what, run, late=self.late.append, **more)
        if self.lane.stuck < MOST_STUCK:
            assert begun.wait(PATIENCE_S)
        return gate

    def serve(self) -> None:
        """Do one thing that the lane posted."""
        self.inbox.get(timeout=PATIENCE_S)()


@pytest.fixture
def owner() -> Iterator[Owner]:
    owner = Owner()
    yield owner
    for gate in owner.gates:
        gate.set()
    owner.lane.release(lambda: None, PATIENCE_S)


def fail(error: Exception) -> Any:
    raise error


def test_values_and_errors_come_back_in_order_on_the_owners_thread(owner: Owner) -> None:
    error = KeyError("x")
    owner.send("one", lambda: threading.current_thread().name)
    owner.send("two", lambda: fail(error))
    owner.send("three", lambda: 3)
    assert not owner.lane.idle
    for _ in range(3):
        owner.serve()
    assert owner.settled == [("one", "test-lane"), ("two", error), ("three", 3)]
    assert owner.lane.idle
    assert owner.lane.due() is None


def test_no_thread_is_started_before_there_is_something_to_call(owner: Owner) -> None:
    assert "test-lane" not in {thread.name for thread in threading.enumerate()}


def test_one_may_go_before_those_that_wait(owner: Owner) -> None:
    gate = owner.hang("hangs")
    owner.send("second", lambda: 2)
    owner.send("first", lambda: 1, first=True)
    gate.set()
    for _ in range(3):
        owner.serve()
    assert [what for what, _ in owner.settled] == ["hangs", "first", "second"]


def test_a_call_that_hangs_has_failed_when_its_bound_is_over(owner: Owner) -> None:
    gate = owner.hang("status", value="late news")
    owner.send("next", lambda: "works")
    assert owner.lane.due() == owner.clock.monotonic() + 10.0
    owner.clock.advance(9.9)
    owner.lane.watch()
    assert owner.settled == []
    owner.clock.advance(0.1)
    owner.lane.watch()
    what, error = owner.settled.pop()
    assert what == "status"
    assert isinstance(error, ProviderSilent)
    assert error.transient
    assert "status has not come back for 10 s" in str(error)
    assert owner.lane.stuck == 1
    owner.serve()
    assert owner.settled == [("next", "works")]
    gate.set()
    owner.serve()
    assert owner.late == ["late news"]
    assert owner.settled == [("next", "works")]
    assert owner.lane.stuck == 0


def test_a_late_error_is_nobodys(owner: Owner) -> None:
    gate = threading.Event()
    owner.gates.append(gate)
    owner.send("status", lambda: gate.wait() and fail(KeyError()), late=owner.late.append)
    owner.clock.advance(10)
    owner.lane.watch()
    gate.set()
    owner.serve()
    assert owner.late == []
    assert len(owner.settled) == 1


def test_there_is_an_end_to_leaving_threads_behind(owner: Owner) -> None:
    for number in range(MOST_STUCK):
        owner.hang("status")
        owner.clock.advance(10)
        owner.lane.watch()
        assert owner.lane.stuck == number + 1
    owner.settled.clear()
    owner.send("status", lambda: 1)
    assert [what for what, error in owner.settled if isinstance(error, ProviderSilent)] == ["status"]
    assert owner.lane.idle
    owner.send("submit", lambda: 2)
    owner.serve()
    assert owner.settled[-1] == ("submit", 2)
    owner.gates[0].set()
    owner.serve()
    owner.send("status", lambda: 3)
    owner.serve()
    assert owner.settled[-1] == ("status", 3)


def test_in_a_hurry_no_call_may_take_long(owner: Owner) -> None:
    owner.hang("status")
    owner.clock.advance(1)
    owner.lane.hurry(2)
    assert owner.lane.due() == owner.clock.monotonic() + 2
    owner.clock.advance(2)
    owner.lane.watch()
    what, error = owner.settled.pop()
    assert (what, error.seconds) == ("status", 3)
    owner.hang("cancel")
    assert owner.lane.due() == owner.clock.monotonic() + 2


def test_one_that_was_given_up_in_a_hurry_may_still_return_in_its_time(owner: Owner) -> None:
    gate = owner.hang("submit", about="block 7")
    assert owner.lane.unreturned("submit") == ["block 7"]
    owner.lane.hurry(2)
    owner.clock.advance(2)
    owner.lane.watch()
    assert owner.lane.idle
    assert owner.lane.may_return("submit")
    assert not owner.lane.may_return("status")
    assert owner.lane.unreturned("submit") == ["block 7"]
    assert owner.lane.due() == owner.clock.monotonic() + 8
    owner.send("cancel", lambda: "others go on")
    owner.serve()
    assert owner.settled[-1] == ("cancel", "others go on")
    owner.clock.advance(8)
    assert owner.lane.due() is None
    assert not owner.lane.may_return("submit")
    gate.set()
    owner.serve()
    assert owner.lane.unreturned("submit") == []


def test_calls_that_wait_can_be_withdrawn(owner: Owner) -> None:
    gate = owner.hang("submit")
    owner.send("submit", lambda: 1)
    owner.send("status", lambda: 2)
    owner.lane.withdraw("submit")
    what, error = owner.settled.pop()
    assert (what, type(error)) == ("submit", Withdrawn)
    gate.set()
    owner.serve()
    owner.serve()
    assert [what for what, _ in owner.settled] == ["submit", "status"]


class TestRelease:
    def test_the_last_call_is_made_and_the_thread_ends(self, owner: Owner) -> None:
        made = []
        owner.send("one", lambda: 1)
        owner.serve()
        assert owner.lane.release(lambda: made.append(threading.current_thread().name), PATIENCE_S)
        assert made == ["test-lane"]

    def test_one_that_hangs_does_not_keep_it_from_being_made(self, owner: Owner) -> None:
        made = []
        gate = owner.hang("status")
        owner.send("never", lambda: made.append("never"))
        assert not owner.lane.release(lambda: made.append("last"), PATIENCE_S)
        gate.set()
        assert made == ["last"]
        with pytest.raises(Empty):
            owner.inbox.get_nowait()

    def test_what_comes_of_it_after_that_is_looked_after(self, owner: Owner) -> None:
        orphans: SimpleQueue[str] = SimpleQueue()
        gate = owner.hang("submit", value="job", orphan=orphans.put)
        owner.lane.release(lambda: None, PATIENCE_S)
        gate.set()
        assert orphans.get(timeout=PATIENCE_S) == "job"

    def test_what_was_handed_over_but_not_taken_is_looked_after(self, owner: Owner) -> None:
        orphans: SimpleQueue[str] = SimpleQueue()
        owner.send("submit", lambda: "job", orphan=orphans.put)
        handed_over = owner.inbox.get(timeout=PATIENCE_S)
        owner.lane.release(lambda: None, PATIENCE_S)
        handed_over()
        assert orphans.get(timeout=PATIENCE_S) == "job"
        assert owner.settled == []

    def test_an_orphan_that_cannot_be_looked_after_is_in_the_log(
        self, owner: Owner, caplog: pytest.LogCaptureFixture
    ) -> None:
        gate = owner.hang("submit", value="job", orphan=lambda job: fail(OSError("no scancel")))
        runner = owner.lane._runner
        assert runner is not None
        owner.lane.release(lambda: None, PATIENCE_S)
        with caplog.at_level(logging.WARNING):
            gate.set()
            runner.thread.join(PATIENCE_S)
        assert "submit failed after the end: no scancel" in caplog.text

    def test_nothing_is_begun_after_it(self, owner: Owner) -> None:
        owner.lane.release(lambda: None, PATIENCE_S)
        owner.send("submit", lambda: pytest.fail("it was made"))
        what, error = owner.settled.pop()
        assert (what, type(error)) == ("submit", Withdrawn)

    def test_an_error_then_is_in_the_log(self, owner: Owner, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            owner.lane.release(lambda: fail(OSError("disk")), PATIENCE_S)
        assert "last call failed after the end: disk" in caplog.text

    def test_it_is_bounded(self, owner: Owner) -> None:
        gate = threading.Event()
        owner.gates.append(gate)
        assert not owner.lane.release(gate.wait, 0.05)
