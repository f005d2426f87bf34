from __future__ import annotations

import gc
import math
import threading
import time
import weakref
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import AttemptId
from parsl_like.errors import AppTimeout, ConfigurationError, ExecutorError, InvalidResourceSpecification
from parsl_like.executors import threads as module
from parsl_like.executors.threads import (
    GRACE_S,
    Backlog,
    ThreadPoolExecutor,
    ThreadPoolSession,
    parsl_like_executor_types,
    parsl_like_open_executor,
)
from parsl_like.testing.executor_contract import FAILED, SUCCEEDED, Owner
from parsl_like.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Owner]]:
    """Makes owners of sessions with the given fields."""
    owners: list[Owner] = []

    def made(**fields: Any) -> Owner:
        owner = Owner(tmp_path, fields.get("label", "threads"))
        owner.serve(ThreadPoolSession(ThreadPoolExecutor(**fields).sealed(), owner.context))
        owners.append(owner)
        return owner

    yield made
    for owner in owners:
        owner.session.close(deadline=time.monotonic() + 10)
        owner.close()


def workers(prefix: str) -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith(prefix))


# --- threads


def test_threads_are_started_when_there_is_work_and_never_more_than_allowed(serve: Callable[..., Owner]) -> None:
    owner = serve(label="few", max_threads=3)
    assert workers("few") == []
    owner.run(len, "a")
    assert workers("few") == ["few_0"]
    gate = threading.Event()
    attempts = [owner.submit(gate.wait, 30) for _ in range(8)]
    assert workers("few") == ["few_0", "few_1", "few_2"]
    gate.set()
    owner.wait_for(attempts)


def test_threads_carry_the_prefix(serve: Callable[..., Owner]) -> None:
    owner = serve(thread_name_prefix="mine")
    assert owner.run(lambda: threading.current_thread().name) == "mine_0"


def test_without_a_number_there_are_as_many_as_processors_and_some_more(serve: Callable[..., Owner]) -> None:
    assert 5 <= serve(max_threads=None).session.load().slots <= 32


def test_the_place_is_the_thread(serve: Callable[..., Owner]) -> None:
    owner = serve(label="where")
    _, _, (_, (started, ended, place)) = owner.event(owner.submit(time.time))
    assert started <= ended
    assert place == "where_0"


def test_a_system_without_threads_fails_the_attempts(
    serve: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    owner = serve()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    attempts = [owner.submit(len, "a") for _ in range(2)]
    owner.wait_for(attempts)
    assert [owner.ended[attempt][0] for attempt in attempts] == [FAILED, FAILED]
    assert "can't start new thread" in str(owner.ended[attempts[0]][2][0])


def test_fewer_threads_than_wanted_still_do_the_work(
    serve: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = threading.Thread.start, []

    def once(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    owner = serve(max_threads=4)
    monkeypatch.setattr(threading.Thread, "start", once)
    rows = [owner.attempt(len, "ab") for _ in range(20)]
    owner.session.submit(rows)
    owner.wait_for(row.attempt_id for row in rows)
    assert {owner.ended[row.attempt_id][0] for row in rows} == {SUCCEEDED}


# Whoever adds work and a thread that goes to rest may meet; each order of their steps is tried.


def resting(tmp_path: Path) -> tuple[Owner, Any]:
    owner = Owner(tmp_path, "resting")
    session = ThreadPoolSession(ThreadPoolExecutor().sealed(), owner.context)
    owner.serve(session)
    return owner, session


def test_a_thread_does_not_rest_when_work_came_before_it_was_seen_to_be_idle(tmp_path: Path) -> None:
    owner, session = resting(tmp_path)
    with owner:
        session._backlog.add([owner.attempt(len, "a")])
        assert session._rest()
        assert not session._idle


def test_a_thread_takes_its_token_when_it_was_seen_to_be_idle(tmp_path: Path) -> None:
    class SeenAtOnce(deque[None]):
        def append(self, mark: None) -> None:
            session._tokens.put(None)  # somebody has taken the mark away and sent a token for it

    owner, session = resting(tmp_path)
    with owner:
        session._idle = SeenAtOnce()
        session._backlog.add([owner.attempt(len, "a")])
        assert session._rest()
        assert session._tokens.empty()


def test_a_thread_does_not_rest_once_all_is_over(tmp_path: Path) -> None:
    owner, session = resting(tmp_path)
    with owner:
        session.close(deadline=0.0)
        assert not session._rest()


# --- stuck threads


class Stuck:
    """One thread, in a task with a walltime that does not end before it is told to, and a clock that the test moves."""

    def __init__(self, owner: Owner, walltime: float | None = 1.0) -> None:
        self.owner, self.clock = owner, FakeClock()
        context = replace(owner.context, clock=self.clock)
        self.session = ThreadPoolSession(ThreadPoolExecutor(label="stuck", max_threads=1).sealed(), context)
        owner.serve(self.session)
        self.began, self.gate = threading.Event(), threading.Event()
        row = owner.attempt(self._hold)
        row.walltime = walltime
        self.attempt = row.attempt_id
        self.session.submit([row])
        assert self.began.wait(60)

    def _hold(self) -> str:
        self.began.set()
        self.gate.wait(60)
        return "late"

    def release(self) -> None:
        """Let the task end, and wait for its thread."""
        threads = [place.thread for place in self.session._stuck()]
        self.gate.set()
        for thread in threads:
            thread.join(60)


@pytest.fixture
def stick(serve: Callable[..., Owner]) -> Iterator[Callable[..., Stuck]]:
    made: list[Stuck] = []

    def make(**options: Any) -> Stuck:
        made.append(Stuck(serve(label="stuck"), **options))
        return made[-1]

    yield make
    for stuck in made:
        stuck.gate.set()
        stuck.session.close(deadline=time.monotonic() + 10)


def test_a_task_beyond_its_walltime_fails_and_its_thread_is_replaced(stick: Callable[..., Stuck]) -> None:
    stuck = stick()
    assert stuck.session.deadline() == stuck.clock.monotonic() + 1.0 + GRACE_S
    behind = stuck.owner.submit(len, "abc")
    assert list(stuck.session.pump()) == []
    since = stuck.clock.wall() + 1.0 + GRACE_S
    stuck.clock.advance(1.0 + GRACE_S)
    code, _, (error, *_) = stuck.owner.event(stuck.attempt)
    assert code == FAILED
    assert isinstance(error, AppTimeout)
    assert "thread stuck_0 is stuck in it" in str(error)
    assert stuck.session.health() == {"stuck": 1, "stuck_since": since}
    assert stuck.session.deadline() == math.inf
    assert stuck.owner.event(behind)[2][0] == 3
    assert workers("stuck") == ["stuck_0", "stuck_1"]
    assert stuck.session.load().outstanding == 0
    stuck.release()
    assert stuck.session.health() == {"stuck": 0, "stuck_since": None}
    assert stuck.owner.run(len, "a") == 1
    assert workers("stuck") == ["stuck_1"]
    assert stuck.owner.seen[stuck.attempt] == 1


def test_a_task_that_heeds_its_walltime_is_not_given_up(stick: Callable[..., Stuck]) -> None:
    stuck = stick()
    stuck.clock.advance(GRACE_S)
    stuck.gate.set()
    assert stuck.owner.event(stuck.attempt)[2][0] == "late"
    assert stuck.session.deadline() == math.inf
    stuck.clock.advance(GRACE_S)
    assert list(stuck.session.pump()) == []
    assert stuck.session.health()["stuck"] == 0


def test_a_cancelled_task_leaves_its_place_to_others(stick: Callable[..., Stuck]) -> None:
    stuck = stick(walltime=None)
    behind = stuck.owner.submit(len, "abc")
    stuck.session.cancel([AttemptId(stuck.attempt)])
    assert stuck.session.health()["stuck"] == 1
    assert stuck.owner.event(behind)[2][0] == 3
    stuck.session.cancel([AttemptId(stuck.attempt)])
    assert stuck.session.health()["stuck"] == 1
    stuck.release()
    assert stuck.session.health()["stuck"] == 0
    assert workers("stuck") == ["stuck_1"]


def test_no_end_of_threads_replaces_stuck_ones(stick: Callable[..., Stuck], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STUCK", 0)
    stuck = stick(walltime=None)
    behind = stuck.owner.submit(len, "abc")
    stuck.session.cancel([AttemptId(stuck.attempt)])
    assert workers("stuck") == ["stuck_0"]
    stuck.gate.set()
    assert stuck.owner.event(behind)[2][0] == 3
    assert workers("stuck") == ["stuck_0"]
    assert stuck.session.health()["stuck"] == 0


# --- results


def test_the_traceback_of_a_failure_begins_in_the_users_code(serve: Callable[..., Owner]) -> None:
    def mine() -> None:
        raise KeyError("k")

    owner = serve()
    _, _, (error, *_) = owner.event(owner.submit(mine))
    assert error.__traceback__.tb_frame.f_code is mine.__code__


def test_an_idle_thread_keeps_nothing_alive(serve: Callable[..., Owner]) -> None:
    class Big:
        pass

    owner, big = serve(), Big()
    seen = weakref.ref(big)
    row = owner.attempt(lambda value: value, big)
    owner.session.submit([row])
    owner.wait_for([row.attempt_id])
    owner.run(len, "a")  # the same thread, so it is done with the other
    del big, row
    owner.ended.clear()
    gc.collect()
    assert seen() is None


def test_the_owner_is_woken_once_between_two_looks(serve: Callable[..., Owner]) -> None:
    owner = serve(max_threads=1)
    session: Any = owner.session
    woken: list[int] = []
    session._wake = lambda: woken.append(1)

    def run_many() -> None:
        done = threading.Event()
        session.submit([*(owner.attempt(len, "a") for _ in range(50)), owner.attempt(done.set)])
        assert done.wait(30)

    run_many()
    run_many()
    assert len(woken) == 1
    owner.look()
    run_many()
    assert len(woken) == 2


def test_a_cancelled_task_that_runs_leaves_no_trace(serve: Callable[..., Owner]) -> None:
    owner, gate = serve(), threading.Event()
    attempt = owner.submit(gate.wait, 30)
    owner.session.cancel([AttemptId(attempt)])
    gate.set()
    owner.wait_for([attempt])
    assert owner.session._cancelled == set()  # type: ignore[attr-defined]


def test_what_is_submitted_after_the_end_fails(serve: Callable[..., Owner]) -> None:
    owner = serve()
    owner.session.close(deadline=time.monotonic() + 10)
    attempt = owner.submit(len, "a")
    owner.look()
    code, _, (error, *_) = owner.ended[attempt]
    assert code == FAILED
    assert isinstance(error, ExecutorError)


def test_what_asks_for_resources_that_threads_do_not_have_fails_for_good(serve: Callable[..., Owner]) -> None:
    owner = serve()
    rows = [owner.attempt(len, "ab") for _ in range(3)]
    rows[0].resources, rows[1].resources = {"priority": 3}, {"cores": 1}
    owner.session.submit(rows)
    owner.wait_for(row.attempt_id for row in rows)
    assert [owner.ended[row.attempt_id][0] for row in rows] == [SUCCEEDED, FAILED, SUCCEEDED]
    error, cost, _ = owner.ended[rows[1].attempt_id][2]
    assert isinstance(error, InvalidResourceSpecification)
    assert cost == float("inf")
    assert owner.session.load().outstanding == 0


def test_closing_drops_what_has_not_begun(serve: Callable[..., Owner]) -> None:
    owner = serve(max_threads=1)
    gate, begun, ran = threading.Event(), threading.Event(), []

    def block() -> None:
        begun.set()
        gate.wait(30)

    owner.submit(block)
    owner.submit(ran.append, 1)
    assert begun.wait(30)
    threading.Timer(0.05, gate.set).start()
    owner.session.close(deadline=time.monotonic() + 20)
    assert ran == []
    assert workers("threads") == []


# --- the backlog


class Waiting:
    def __init__(self, name: str, priority: float = 0) -> None:
        self.name, self.priority = name, priority


def names(backlog: Backlog) -> list[str]:
    taken = iter(backlog.take, None)
    return [attempt.name for attempt in taken]  # type: ignore[attr-defined]


def added(*batches: list[tuple[str, float]]) -> Backlog:
    backlog = Backlog()
    for batch in batches:
        backlog.add([Waiting(*item) for item in batch])  # type: ignore[misc]
    return backlog


def test_without_priorities_first_come_first_served() -> None:
    assert names(added([("a", 0), ("b", 0)], [("c", 0)])) == ["a", "b", "c"]


def test_a_priority_concerns_those_that_came_before_too() -> None:
    backlog = added([("a", 0), ("b", 0)], [("late", 2), ("soon", -1)], [("c", 0)])
    assert len(backlog) == 5
    assert names(backlog) == ["soon", "a", "b", "c", "late"]


def test_after_the_last_priority_order_is_plain_again() -> None:
    backlog = added([("a", 1)])
    assert names(backlog) == ["a"]
    backlog.add([Waiting("b"), Waiting("c")])  # type: ignore[list-item]
    assert backlog._ranked == []
    assert names(backlog) == ["b", "c"]


def test_a_cleared_backlog_is_empty() -> None:
    backlog = added([("a", 0)], [("b", 1)])
    backlog.clear()
    assert len(backlog) == 0
    assert backlog.take() is None


# --- the description


def test_it_takes_parsls_arguments_in_order() -> None:
    executor = ThreadPoolExecutor("label", 4, "prefix", [], "dir", None)
    assert (executor.label, executor.max_threads, executor.thread_name_prefix) == ("label", 4, "prefix")
    assert (executor.storage_access, executor.working_dir) == ([], "dir")


def test_managed_has_no_effect() -> None:
    with pytest.warns(DeprecationWarning, match="'managed' has no effect any more"):
        assert ThreadPoolExecutor(managed=False) == ThreadPoolExecutor()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_threads", 0),
        ("max_threads", True),
        ("max_threads", 1.5),
        ("thread_name_prefix", 7),
        ("label", ""),
        ("label", "a\nb"),
        ("label", "../x"),
        ("label", 3),
        ("working_dir", 5),
        ("storage_access", "noop"),
    ],
)
def test_wrong_values_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"ThreadPoolExecutor.{field} is"):
        ThreadPoolExecutor(**{field: value}).sealed()


def test_it_knows_priorities_and_no_other_resource() -> None:
    ThreadPoolExecutor().validate_resource_spec({"priority": 3})
    with pytest.raises(InvalidResourceSpecification, match="cores"):
        ThreadPoolExecutor().validate_resource_spec({"cores": 3, "priority": 1})


def test_the_module_answers_for_its_description_only(tmp_path: Path) -> None:
    assert parsl_like_executor_types() == {"ThreadPoolExecutor": ThreadPoolExecutor}
    with Owner(tmp_path) as owner:
        assert parsl_like_open_executor(object(), owner.context) is None  # type: ignore[arg-type]


def test_the_session_answers_for_the_fields_of_its_description(serve: Callable[..., Owner]) -> None:
    session: Any = serve(working_dir="there").session
    assert (session.working_dir, session.max_threads, session.outstanding) == ("there", 2, 0)
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = session.no_such_thing
