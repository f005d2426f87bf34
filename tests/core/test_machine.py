"""The machine as a whole: graphs, budgets, counts, stories, and what very many tasks cost."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parsl_like.core.effects import (
    Announce,
    CancelAttempt,
    Forget,
    Launch,
    Outbox,
    Prepare,
    Release,
    Remember,
    Settle,
)
from parsl_like.core.events import (
    Attached,
    AttemptFailed,
    AttemptLost,
    CancelRequested,
    DependenciesFailed,
    DependencyDone,
    EventType,
    JoinDone,
    Prepared,
    RawEvent,
    Remembered,
    TimePassed,
)
from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.machine import STORY_LENGTH, TaskMachine
from parsl_like.core.states import FINAL_PHASES, Phase
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.dataflow.errors import DependencyError
from parsl_like.errors import InternalConsistencyError

MANY = 100_000
SOME = 20_000
APP = AppSpec("work", None)
CALL = ("function", (), {}, None, ())


def of(effects: list[Any], kind: type) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]


# --- graphs


def test_a_task_goes_on_when_the_last_of_what_it_needs_has_ended(bench: Any) -> None:
    bench.launched(1)
    bench.launched(2)
    bench.submit(3, depends=(1, 2))
    assert of(bench.succeed(1), Prepare) == []
    assert of(bench.succeed(2), Prepare) == [Prepare(TaskId(3))]


def test_a_packed_task_is_launched_by_the_end_of_what_it_needs(bench: Any) -> None:
    bench.launched(1)
    bench.submit(3, depends=(1,), ready=True, executor="other")
    assert of(bench.succeed(1), Launch) == [Launch(TaskId(3), attempt_id(3, 0), "other")]


@pytest.mark.parametrize("collect", [True, False])
def test_what_had_ended_before_is_not_waited_for(bench_of: Callable[..., Any], collect: bool) -> None:
    bench = bench_of(garbage_collect=collect)
    for task, phase in enumerate(sorted(FINAL_PHASES)):
        bench.ended(task, phase)
    assert bench.submit(9, depends=(0, 1, 2, 3, 4))[-1] == Prepare(TaskId(9))


def test_a_recalled_task_is_a_good_dependency(bench: Any) -> None:
    bench.preparing(1)
    bench.submit(2, depends=(1,))
    bench.machine.feed([(EventType.RECALLED, 1, "value")])
    bench.machine.validate()
    assert bench.phase(2) is Phase.preparing


@pytest.mark.parametrize("phase", [Phase.failed, Phase.dep_failed, Phase.cancelled])
def test_dependents_of_what_failed_end_with_its_error(bench: Any, phase: Phase) -> None:
    if phase is Phase.dep_failed:
        bench.waiting(1)
        bench.submit(2, depends=(1,))
        effects = bench.handle(DependencyDone(-1, "broken"))
        error: Any = ("dependencies of", 1, (("a future of another kind", "broken"),))
    else:
        bench.preparing(1)
        bench.submit(2, depends=(1,))
        effects = bench.cancel(1, "broken") if phase is Phase.cancelled else bench.fail_preparing(1, "broken")
        error = "broken"
    told = ("dependencies of", 2, (("task 1 (work)", error),))
    assert of(effects, Settle) == [Settle(TaskId(1), phase, error), Settle(TaskId(2), Phase.dep_failed, told)]
    assert of(effects, Forget) == [Forget(TaskId(1)), Forget(TaskId(2))]


def test_dependents_of_a_task_cancelled_without_a_reason_are_told_something(bench: Any) -> None:
    bench.preparing(1)
    bench.submit(2, depends=(1,))
    settled = of(bench.cancel(1, None), Settle)
    nothing = ("dependencies of", 1, ())
    told = ("dependencies of", 2, (("task 1 (work)", nothing),))
    assert settled == [Settle(TaskId(1), Phase.cancelled, None), Settle(TaskId(2), Phase.dep_failed, told)]


def test_a_task_that_needs_a_failed_one_waits_for_the_others_too(bench: Any) -> None:
    """So that its error names all failures, and nothing of the graph is left open behind it."""
    bench.preparing(1)
    bench.preparing(2)
    bench.submit(3, depends=(1, 2))
    assert [s.task for s in of(bench.fail_preparing(1, "one"), Settle)] == [1]
    assert bench.phase(3) is Phase.waiting
    settled = of(bench.fail_preparing(2, "two"), Settle)
    causes = (("task 1 (work)", "one"), ("task 2 (work)", "two"))
    assert settled[1] == Settle(TaskId(3), Phase.dep_failed, ("dependencies of", 3, causes))


@pytest.mark.parametrize("collect", [True, False])
def test_failures_from_before_a_task_came_are_asked_for(bench_of: Callable[..., Any], collect: bool) -> None:
    """The machine does not know how they ended, and the error is to name all of them."""
    bench = bench_of(garbage_collect=collect)
    bench.ended(1, Phase.failed)
    bench.preparing(2)
    bench.submit(3, depends=(1, 2))
    effects = bench.fail_preparing(2, "two")
    assert of(effects, Settle) == [Settle(TaskId(2), Phase.failed, "two")]
    assert of(effects, Prepare) == [Prepare(TaskId(3))]
    bench.machine.validate()
    causes = (("task 1 (work)", "one"), ("task 2 (work)", "two"))
    settled = of(bench.handle(DependenciesFailed(TaskId(3), causes)), Settle)
    assert settled == [Settle(TaskId(3), Phase.dep_failed, ("dependencies of", 3, causes))]


def test_a_diamond_ends_once_and_names_its_root_once(bench_of: Callable[..., Any]) -> None:
    root = ValueError("root")
    bench = bench_of(dependency_error=dependency_error)
    bench.preparing(0)
    for task, depends in {1: (0,), 2: (0,), 3: (1, 2), 4: (0, 3), 5: (4, 4)}.items():
        bench.submit(task, depends=depends)
    settled = of(bench.fail_preparing(0, root), Settle)
    assert sorted(s.task for s in settled) == [0, 1, 2, 3, 4, 5]
    assert all(s.value.dependent_exceptions_tids == [(root, "task 0 (work)")] for s in settled if s.task)


def test_a_diamond_runs_each_task_once(bench: Any) -> None:
    bench.launched(0)
    for task, depends in {1: (0,), 2: (0, 0), 3: (1, 2)}.items():
        bench.submit(task, depends=depends)
    assert of(bench.succeed(0), Prepare) == [Prepare(TaskId(1)), Prepare(TaskId(2))]
    bench.handle(Prepared(TaskId(1), CALL), Prepared(TaskId(2), CALL))
    bench.succeed(1)
    assert of(bench.succeed(2), Prepare) == [Prepare(TaskId(3))]


def test_a_cancelled_dependent_is_left_alone_when_its_turn_comes(bench: Any) -> None:
    bench.launched(1)
    for task in (2, 3):
        bench.submit(task, depends=(1,))
    bench.cancel(2)
    effects = bench.succeed(1)
    assert [s.task for s in of(effects, Settle)] == [1]
    assert of(effects, Prepare) == [Prepare(TaskId(3))]


@pytest.mark.parametrize("first", [1, -1])
def test_foreign_and_own_futures_together(bench: Any, first: int) -> None:
    bench.launched(1)
    bench.submit(2, depends=(1, -1))
    news: list[Callable[[], Any]] = [lambda: bench.succeed(1), lambda: bench.handle(DependencyDone(-1))]
    one, other = news if first == 1 else reversed(news)
    assert of(one(), Prepare) == []
    assert of(other(), Prepare) == [Prepare(TaskId(2))]
    assert bench.machine.foreign == {}


def test_the_same_foreign_future_waited_for_in_two_places_has_two_numbers(bench: Any) -> None:
    bench.submit(1, depends=(-1,))
    bench.submit(2, depends=(-2,))
    assert of(bench.handle(DependencyDone(-1)), Prepare) == [Prepare(TaskId(1))]
    assert of(bench.handle(DependencyDone(-2)), Prepare) == [Prepare(TaskId(2))]


# --- budgets


def test_retries_are_counted_by_app_and_each_failure_is_kept(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=2)
    row = bench.launched(1)
    for number in range(2):
        effects = bench.handle(AttemptFailed(attempt_id(1, number), f"error {number}"))
        assert of(effects, Launch) == [Launch(TaskId(1), attempt_id(1, number + 1), "x")]
    effects = bench.handle(AttemptFailed(attempt_id(1, 2), "error 2"))
    assert of(effects, Settle) == [Settle(TaskId(1), Phase.failed, "error 2")]
    assert (row.errors, row.fail_count, row.fail_cost) == (["error 0", "error 1"], 3, 3.0)
    assert bench.machine.retried == {"work": 2}


def test_a_cost_may_be_a_part_or_a_multiple_of_a_retry(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=1)
    bench.launched(1)
    for number, (cost, again) in enumerate([(0.0, True), (0.25, True), (0.75, True), (0.25, False)]):
        effects = bench.handle(AttemptFailed(attempt_id(1, number), "error", cost))
        assert bool(of(effects, Launch)) is again
    assert bench.phase(1) is Phase.failed


def test_a_cost_without_end_ends_the_task(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=1000)
    bench.launched(1)
    bench.handle(AttemptFailed(attempt_id(1, 0), "error", float("inf")))
    assert bench.phase(1) is Phase.failed


@pytest.mark.parametrize("lost_retries", [0, 3])
def test_started_attempts_are_lost_as_often_as_allowed(bench_of: Callable[..., Any], lost_retries: int) -> None:
    bench = bench_of(lost_retries=lost_retries)
    bench.launched(1)
    for number in range(lost_retries):
        assert of(bench.handle(AttemptLost(attempt_id(1, number), "place")), Launch)
    effects = bench.handle(AttemptLost(attempt_id(1, lost_retries), "place"))
    assert of(effects, Settle) == [Settle(TaskId(1), Phase.failed, ("lost", "place", lost_retries + 1))]
    assert bench.machine.losses == lost_retries + 1


@pytest.mark.parametrize("lost_retries", [0, 3])
def test_attempts_that_had_not_started_are_free(bench_of: Callable[..., Any], lost_retries: int) -> None:
    bench = bench_of(lost_retries=lost_retries)
    row = bench.launched(1)
    for number in range(50):
        effects = bench.handle(AttemptLost(attempt_id(1, number), "place", started=False))
        assert of(effects, Launch) == [Launch(TaskId(1), attempt_id(1, number + 1), "x")]
    assert (row.losses, row.fail_count, bench.machine.losses) == (0, 0, 0)


def test_losses_and_failures_have_budgets_apart(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=1, lost_retries=1)
    row = bench.launched(1)
    bench.handle(AttemptLost(attempt_id(1, 0), "place"), AttemptFailed(attempt_id(1, 1), "error"))
    assert (row.number, row.losses, row.fail_count) == (2, 1, 1)
    assert bench.phase(1) is Phase.launched
    bench.handle(AttemptLost(attempt_id(1, 2), "place"))
    assert bench.phase(1) is Phase.failed


# --- cancelling


@pytest.mark.parametrize("phase", [Phase.waiting, Phase.preparing, Phase.launched, Phase.joining])
def test_cancelling_ends_a_task_and_its_dependents_in_any_phase(bench: Any, phase: Phase) -> None:
    bench.at(phase)
    bench.submit(2, depends=(1,))
    effects = bench.cancel(1, "why")
    assert [s.phase for s in of(effects, Settle)] == [Phase.cancelled, Phase.dep_failed]
    running = [CancelAttempt(TaskId(1), attempt_id(1, 0), "x")] if phase is Phase.launched else []
    assert of(effects, CancelAttempt) == running
    assert bench.machine.unfinished == 0


def test_news_after_a_cancellation_is_stale(bench: Any) -> None:
    bench.launched(1)
    bench.cancel(1)
    assert bench.succeed(1) == []
    assert bench.machine.stale == 1


def test_a_second_cancellation_changes_nothing(bench: Any) -> None:
    bench.launched(1)
    bench.cancel(1)
    assert bench.cancel(1) == []


def test_only_the_current_attempt_of_a_retried_task_is_cancelled(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=1)
    bench.launched(1)
    bench.handle(AttemptFailed(attempt_id(1, 0), "error"))
    assert of(bench.cancel(1), CancelAttempt) == [CancelAttempt(TaskId(1), attempt_id(1, 1), "x")]


def test_a_join_cancelled_while_it_waits_does_not_end_again(bench: Any) -> None:
    bench.joining(1)
    bench.cancel(1)
    assert bench.handle(JoinDone(TaskId(1), ok=True, value=[])) == []


# --- equal calls


def following(bench: Any, leader: int, *tasks: int) -> None:
    """A task with a key that runs, and others that are the same call."""
    bench.launched(leader)
    bench.rows[leader].key = "key"
    for task in tasks:
        bench.preparing(task, key="key")
        bench.handle(Attached(TaskId(task), TaskId(leader)))


def ends_of(effects: list[Any]) -> dict[int, tuple[str, Any]]:
    return {effect.task: (Phase(effect.phase).name, effect.value) for effect in effects if isinstance(effect, Settle)}


def test_a_result_is_that_of_all_equal_calls_in_flight(bench: Any) -> None:
    following(bench, 1, 2, 3)
    bench.waiting(4, depends=(3,))
    effects = bench.succeed(1)
    recalled = ("recalled", "value")
    assert ends_of(effects) == {1: ("done", "value"), 2: recalled, 3: recalled}
    assert bench.phase(4) is Phase.preparing
    assert bench.machine.followers == {}


def test_a_failure_is_that_of_all_equal_calls_in_flight(bench: Any) -> None:
    following(bench, 1, 2)
    effects = bench.handle(AttemptFailed(attempt_id(1, 0), "error"))
    assert ends_of(effects) == {1: ("failed", "error"), 2: ("failed", "error")}
    assert [effect for effect in effects if isinstance(effect, Release)] == [Release(TaskId(1), "key")]


def test_who_follows_goes_on_alone_if_the_other_is_cancelled(bench: Any) -> None:
    following(bench, 1, 2, 3)
    bench.cancel(2)
    effects = bench.cancel(1)
    assert [type(effect).__name__ for effect in effects if not isinstance(effect, Announce | Forget)] == [
        *("CancelAttempt", "Release", "Prepare", "Settle")
    ]
    assert (bench.phase(2), bench.phase(3)) == (Phase.cancelled, Phase.preparing)
    assert bench.machine.followers == {}


def test_a_call_is_followed_from_try_to_try(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=1)
    following(bench, 1, 2)
    bench.handle(AttemptFailed(attempt_id(1, 0), "error"))
    assert bench.phase(2) is Phase.attached
    assert ends_of(bench.succeed(1)) == {1: ("done", "value"), 2: ("recalled", "value")}


def test_a_call_whose_result_is_being_remembered_is_in_flight(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(remember_first=True)
    following(bench, 1, 2)
    assert bench.succeed(1) == [Remember(TaskId(1), "key", "value")]
    bench.preparing(3, key="key")
    bench.handle(Attached(TaskId(3), TaskId(1)))
    ends = ends_of(bench.handle(Remembered(TaskId(1))))
    assert ends == {1: ("done", "value"), 2: ("recalled", "value"), 3: ("recalled", "value")}


def test_an_acknowledgement_that_comes_twice_is_stale(bench: Any) -> None:
    bench.remembering(1)
    bench.handle(Remembered(TaskId(1)))
    assert bench.handle(Remembered(TaskId(1))) == []
    assert bench.machine.stale == 1


# --- counts, summary, story


def test_counts_and_summary(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(garbage_collect=False)
    phases = [phase for phase in Phase if phase is not Phase.new]
    for task, phase in enumerate(phases, 1):
        bench.at(phase, task)
    machine = bench.machine
    # The one that is attached follows another one, which is launched.
    assert [machine.counts[phase] for phase in phases] == [2 if phase is Phase.launched else 1 for phase in phases]
    assert machine.unfinished == 7
    # Waiting, preparing and attached tasks show as pending, remembering ones as launched, cancelled ones as failed.
    assert machine.summary() == {
        **{"pending": 3, "launched": 3, "joining": 1},
        **{"exec_done": 1, "memo_done": 1, "failed": 2, "dep_fail": 1},
    }


def test_ended_tasks_are_counted_whether_or_not_their_rows_are_kept(bench_of: Callable[..., Any]) -> None:
    for collect in (True, False):
        bench = bench_of(garbage_collect=collect)
        for task in range(5):
            bench.ended(task, Phase.done)
        assert bench.machine.summary() == {"exec_done": 5}
        assert len(bench.machine.rows) == (0 if collect else 5)


def test_an_empty_machine_has_nothing_to_tell(bench: Any) -> None:
    assert (bench.machine.summary(), bench.machine.unfinished, bench.machine.story(1)) == ({}, 0, [])
    assert not bench.machine.take()


def test_a_story_reads_from_the_first_event_to_the_last(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=1)
    bench.waiting(1)
    bench.preparing(2)
    bench.handle(DependencyDone(-1), Prepared(TaskId(1), CALL), AttemptFailed(attempt_id(1, 0), "error"))
    bench.succeed(1)
    assert bench.machine.story(1) == [
        "#1 try 0 new <- SUBMITTED",
        "#3 try 0 waiting <- DEPENDENCY_DONE",
        "#4 try 0 preparing <- PREPARED",
        "#5 try 0 launched <- ATTEMPT_FAILED",
        "#6 try 1 launched <- ATTEMPT_SUCCEEDED",
    ]
    assert bench.machine.story(2) == ["#2 try 0 new <- SUBMITTED"]


def test_stale_events_are_not_part_of_a_story(bench: Any) -> None:
    bench.launched(1)
    bench.handle(CancelRequested(TaskId(9)))
    assert bench.machine.story(9) == []


def test_all_stories_share_a_ring_of_one_length(bench_of: Callable[..., Any]) -> None:
    machine = bench_of().machine
    for task in range(STORY_LENGTH + 10):
        machine.feed([(EventType.SUBMITTED, task, TaskRow(TaskId(task), APP, "x"))])
    told = [task for task in range(STORY_LENGTH + 10) if machine.story(task)]
    assert told == list(range(10, STORY_LENGTH + 10))
    assert machine.story(10) == ["#11 try 0 new <- SUBMITTED"]


def test_the_clock_is_the_shells(bench: Any) -> None:
    assert bench.handle(TimePassed(2000.5)) == []
    bench.machine.feed([(EventType.SUBMITTED, 1, TaskRow(TaskId(1), APP, "x"))])
    assert [record[0] for record in bench.machine.take().records] == [2000.5]


def test_taking_leaves_an_empty_box(bench: Any) -> None:
    bench.machine.feed([(EventType.SUBMITTED, 1, TaskRow(TaskId(1), APP, "x"))])
    assert isinstance(bench.machine.take(), Outbox)
    assert not bench.machine.take()


def test_launches_are_grouped_by_executor_in_the_order_of_submission(bench: Any) -> None:
    for task, label in enumerate("abab"):
        row = TaskRow(TaskId(task), APP, label)
        row.ready = True
        bench.machine.feed([(EventType.SUBMITTED, task, row)])
    launch = bench.machine.take().launch
    assert {label: [row.id for row in rows] for label, rows in launch.items()} == {"a": [0, 2], "b": [1, 3]}


# --- validate sees what must not be


def misfiled(bench: Any) -> None:
    bench.machine.rows[2] = bench.machine.rows[1]


def waits_for_nothing(bench: Any) -> None:
    bench.rows[1].unresolved = 0


def runs_too_soon(bench: Any) -> None:
    bench.rows[1].phase = Phase.launched


def edge_without_mirror(bench: Any) -> None:
    bench.machine.foreign.clear()


def edge_too_many(bench: Any) -> None:
    bench.rows[1].unresolved = 2


def less_than_nothing(bench: Any) -> None:
    bench.rows[1].unresolved, bench.rows[1].phase = -1, Phase.preparing


def launched_unprepared(bench: Any) -> None:
    bench.rows[1].unresolved, bench.rows[1].phase = 0, Phase.launched


def following_nobody(bench: Any) -> None:
    bench.rows[1].unresolved, bench.rows[1].phase, bench.rows[1].value = 0, Phase.attached, 7


def followed_while_it_waits(bench: Any) -> None:
    bench.machine.followers[1] = []


def counted_wrongly(bench: Any) -> None:
    bench.machine.counts[Phase.waiting] += 1


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (misfiled, "is filed under another id"),
        (waits_for_nothing, "waits for nothing, or runs too soon"),
        (runs_too_soon, "waits for nothing, or runs too soon"),
        (edge_without_mirror, "has edges that are not mirrored"),
        (edge_too_many, "has edges that are not mirrored"),
        (less_than_nothing, "waits for less than nothing"),
        (launched_unprepared, "was launched before it was prepared"),
        (following_nobody, "follows nobody"),
        (followed_while_it_waits, "task 1 is followed, and is "),
        (counted_wrongly, "differ from a recount"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_validate_finds(bench: Any, harm: Callable[[Any], None], complaint: str) -> None:
    bench.waiting(1)
    harm(bench)
    with pytest.raises(InternalConsistencyError, match=complaint) as caught:
        bench.machine.validate()
    assert "counts" in str(caught.value) or "#1 try 0 new <- SUBMITTED" in str(caught.value)


# --- very many tasks


def dependency_error(task: int, failed: list[tuple[str, Any]]) -> DependencyError:
    """The error that a kernel makes."""
    return DependencyError([(error, name) for name, error in failed], task)


def large() -> TaskMachine:
    return TaskMachine(
        dependency_error=dependency_error, join_type_error=lambda name, value: None, loss_error=lambda cause, n: cause
    )


def submissions(count: int, depends: Callable[[int], tuple[int, ...]], first: int = 0) -> list[RawEvent]:
    events: list[RawEvent] = []
    for task in range(first, first + count):
        row = TaskRow(TaskId(task), APP, "x")
        row.ready, row.depends = True, depends(task)
        events.append((EventType.SUBMITTED, task, row))
    return events


def run_out(machine: TaskMachine, fails: frozenset[int] = frozenset()) -> tuple[list[TaskRow], int]:
    """End every launched attempt, well or badly, until nothing is launched; what was settled, and how much ran."""
    settled: list[TaskRow] = []
    launches = 0
    while True:
        out = machine.take()
        settled += out.settle
        rows = out.launch.get("x", [])
        launches += len(rows)
        if not rows:
            return settled, launches
        machine.feed(
            [
                (EventType.ATTEMPT_FAILED, row.attempt_id, (ROOT, 1, None))
                if row.id in fails
                else (EventType.ATTEMPT_SUCCEEDED, row.attempt_id, (None, None))
                for row in rows
            ]
        )


ROOT = ValueError("root")
HEAD = frozenset({0})


@pytest.fixture
def shallow_stack() -> Iterator[None]:
    """Anything that recurses with the number of tasks fails."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 60)
    yield
    sys.setrecursionlimit(limit)


def chain(task: int) -> tuple[int, ...]:
    return (task - 1,) if task else ()


def fan_out(task: int) -> tuple[int, ...]:
    return (0,) if task else ()


def ladder(task: int) -> tuple[int, ...]:
    """Rungs of two tasks, each of which needs both of the rung before."""
    rung = task - task % 2
    return (rung - 2, rung - 1) if rung else ()


@pytest.mark.usefixtures("shallow_stack")
@pytest.mark.parametrize(
    ("shape", "count"), [(chain, MANY), (fan_out, MANY), (ladder, SOME)], ids=["chain", "fan_out", "ladder"]
)
@pytest.mark.parametrize("fails", [frozenset(), HEAD], ids=["succeeds", "fails"])
def test_very_many_tasks(shape: Callable[[int], tuple[int, ...]], count: int, fails: frozenset[int]) -> None:
    machine = large()
    machine.feed(submissions(count, shape))
    settled, launches = run_out(machine, fails)
    assert len({row.id for row in settled}) == len(settled) == count
    assert machine.unfinished == 0
    assert machine.rows == {}
    free = {0, 1} if shape is ladder else {0}  # what runs even if the head fails
    assert launches == (len(free) if fails else count)
    dependents = [row.value for row in settled if row.id not in free]
    if fails:
        assert machine.summary() == {
            name: count
            for name, count in {"exec_done": len(free) - 1, "failed": 1, "dep_fail": count - len(free)}.items()
            if count
        }
        assert all(error.dependent_exceptions_tids == [(ROOT, "task 0 (work)")] for error in dependents)
        assert max(len(str(error)) for error in dependents) < 200
    else:
        assert machine.summary() == {"exec_done": count}


@pytest.mark.usefixtures("shallow_stack")
@pytest.mark.parametrize("fails", ["none", "first", "all"])
def test_a_task_that_needs_a_hundred_thousand(fails: str) -> None:
    machine = large()
    machine.feed(submissions(MANY, lambda task: ()))
    machine.feed(submissions(1, lambda task: tuple(range(MANY)), first=MANY))
    bad = {"none": frozenset[int](), "first": HEAD, "all": frozenset(range(MANY))}[fails]
    settled, launches = run_out(machine, bad)
    assert len(settled) == MANY + 1
    assert launches == MANY + (fails == "none")
    last = settled[-1]
    assert last.id == MANY
    if bad:
        assert len(last.value.dependent_exceptions_tids) == len(bad)
        assert len(str(last.value)) < 500
    else:
        assert last.phase == Phase.done


@pytest.mark.usefixtures("shallow_stack")
def test_a_chain_of_foreign_failures() -> None:
    machine = large()
    machine.feed(submissions(SOME, lambda task: (task - 1,) if task else (-1,)))
    machine.feed([(EventType.DEPENDENCY_DONE, -1, ("a future of another kind", ROOT))])
    settled = machine.take().settle
    assert len(settled) == SOME
    assert settled[-1].value.dependent_exceptions_tids == [(ROOT, "a future of another kind")]


@pytest.mark.usefixtures("shallow_stack")
def test_cancelling_the_head_of_a_long_chain() -> None:
    machine = large()
    machine.feed(submissions(SOME, lambda task: (task - 1,) if task else (-1,)))
    machine.feed([(EventType.CANCEL_REQUESTED, 0, ROOT)])
    assert len(machine.take().settle) == SOME
    assert machine.foreign == {}


def calls_made(count: int, shape: Callable[[int], tuple[int, ...]], fails: frozenset[int]) -> int:
    """Calls of functions, of Python and of C, that a run of so many tasks takes."""
    machine, calls = large(), 0

    def counted(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    events = submissions(count, shape)
    before = sys.getprofile()
    gc.disable()  # whoever looks on at collections would be counted
    sys.setprofile(counted)
    try:
        machine.feed(events)
        run_out(machine, fails)
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls


@pytest.mark.parametrize("shape", [chain, fan_out, ladder], ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("fails", [frozenset(), HEAD], ids=["succeeds", "fails"])
def test_twice_as_many_tasks_cost_twice_as_much(shape: Callable[[int], tuple[int, ...]], fails: frozenset[int]) -> None:
    one, two, three = (calls_made(count, shape, fails) for count in (1000, 2000, 3000))
    assert three - two == two - one
