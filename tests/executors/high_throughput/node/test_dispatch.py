"""Which worker gets what: events in, effects out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.node.dispatch import GRACE_S, STALLED_S, Dispatch
from parsl_like.executors.high_throughput.node.dispatch_events import (
    CancelAsked,
    Effect,
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

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT, LONG = 1e-5, 1.0


def item(attempt: int, *, priority: float = 0.0, walltime: float = 0.0, slots: int = 1, buffers: int = 0) -> TaskItem:
    return TaskItem(attempt, b"f" * 16, b"call", buffers, priority, walltime, 0, slots)


def items(*attempts: int) -> list[TaskItem]:
    return [item(attempt) for attempt in attempts]


def gives(effects: Sequence[Effect]) -> dict[int, list[int]]:
    given: dict[int, list[int]] = {}
    for effect in effects:
        if isinstance(effect, Give):
            given.setdefault(effect.worker, []).extend(item.attempt for item in effect.items)
    return given


def ready(workers: int, *, prefetch: int | None = None) -> Dispatch:
    dispatch = Dispatch(workers, prefetch)
    for worker in range(workers):
        assert dispatch.handle(WorkerReady(worker, 0.0)) == []
    return dispatch


def hasty(workers: int = 2) -> Dispatch:
    """A dispatch that has seen many short tasks, so that pipes may be deep."""
    dispatch = ready(workers)
    for number in range(-1000, 0):
        dispatch.handle(TasksArrived(items(number), 0.0))
        dispatch.handle(ResultsArrived(dispatch_of(dispatch, number), [number], SHORT, 0.0))
    assert len(dispatch) == 0
    return dispatch


def dispatch_of(dispatch: Dispatch, attempt: int) -> int:
    return next(worker for worker in range(100) if attempt in dispatch.in_pipe(worker))


# --- one at a time


def test_an_idle_worker_is_given_a_task_at_once() -> None:
    dispatch = ready(2)
    assert gives(dispatch.handle(TasksArrived(items(1), 0.0))) == {0: [1]}
    assert gives(dispatch.handle(TasksArrived(items(2, 3), 0.0))) == {1: [2]}
    assert dispatch.waiting() == [3]
    assert gives(dispatch.handle(ResultsArrived(1, [2], LONG, 1.0))) == {1: [3]}
    assert dispatch.held() == [1, 3]
    assert 2 not in dispatch
    assert dispatch.item(3).attempt == 3


def test_tasks_wait_for_the_first_worker() -> None:
    dispatch = Dispatch(1)
    assert dispatch.handle(TasksArrived(items(1), 0.0)) == []
    assert gives(dispatch.handle(WorkerReady(0, 1.0))) == {0: [1]}


def test_a_worker_has_one_task_while_nothing_is_known_of_their_length() -> None:
    assert gives(ready(2).handle(TasksArrived(items(*range(10)), 0.0))) == {0: [0], 1: [1]}


def test_lower_priority_goes_first_and_equals_in_order() -> None:
    dispatch = ready(1)
    dispatch.handle(TasksArrived([item(0), item(1, priority=5), item(2), item(3, priority=-1), item(4)], 0.0))
    order = []
    for _ in range(5):
        (running,) = dispatch.in_pipe(0)
        order.append(running)
        dispatch.handle(ResultsArrived(0, [running], LONG, 1.0))
    assert order == [3, 0, 2, 4, 1]


def test_buffers_go_with_the_first_give_only() -> None:
    dispatch = ready(1)
    (give,) = dispatch.handle(TasksArrived([item(1, buffers=2), item(2)], 0.0, [b"a", b"b"]))
    assert give == Give(0, [item(1, buffers=2)], {1: [b"a", b"b"]})
    (again,) = dispatch.handle(WorkerGone(0, None, 1.0)) or dispatch.handle(WorkerReady(0, 1.0))
    assert again == Give(0, [item(1, buffers=2)], {})


def test_a_batch_that_miscounts_its_buffers_changes_nothing() -> None:
    dispatch = ready(1)
    with pytest.raises(BadMessage):
        dispatch.handle(TasksArrived([item(1, buffers=2)], 0.0, [b"a"]))
    assert len(dispatch) == 0
    assert not dispatch.holds_any([1])


def test_news_of_an_attempt_that_a_worker_does_not_have_is_ignored() -> None:
    dispatch = ready(2)
    dispatch.handle(TasksArrived(items(1), 0.0))
    dispatch.handle(ResultsArrived(1, [1], LONG, 1.0))
    assert dispatch.in_pipe(0) == [1]


def test_nobody_is_asked_about_an_unknown_worker() -> None:
    assert ready(1).in_pipe(7) == []


# --- deep pipes


def test_pipes_are_filled_evenly_while_tasks_are_short() -> None:
    assert gives(hasty().handle(TasksArrived(items(*range(10)), 0.0))) == {0: [0, 1, 2, 3, 4], 1: [5, 6, 7, 8, 9]}


def test_pipes_have_a_limit() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(500)), 0.0))
    assert [len(dispatch.in_pipe(worker)) for worker in (0, 1)] == [64, 64]
    assert len(dispatch.waiting()) == 500 - 128


def test_nothing_is_stacked_while_there_are_idle_workers_enough() -> None:
    assert gives(hasty(4).handle(TasksArrived(items(1, 2, 3), 0.0))) == {0: [1], 1: [2], 2: [3]}


def test_a_worker_that_reports_nothing_gets_nothing_more() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(1, 2), 0.0))
    later = 2 * STALLED_S
    assert gives(dispatch.handle(ResultsArrived(1, [2], SHORT, later))) == {}
    assert gives(dispatch.handle(TasksArrived(items(*range(10, 16)), later))) == {1: [10, 11, 12, 13, 14, 15]}


def test_what_lies_behind_a_long_task_is_taken_back_when_a_neighbour_is_idle() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(8)), 0.0))
    effects = dispatch.handle(ResultsArrived(1, [4, 5, 6, 7], 4 * SHORT, STALLED_S / 2))
    assert effects == [TakeBack(0, 1)]
    assert gives(dispatch.handle(TakenBack(0, [1], STALLED_S / 2))) == {1: [1]}
    assert dispatch.in_pipe(0) == [0, 2, 3]


def test_what_lies_behind_a_very_long_task_is_taken_back_in_full() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(8)), 0.0))
    effects = dispatch.handle(ResultsArrived(1, [4], SHORT, 2 * STALLED_S))
    assert effects == [TakeBack(0, 3)]
    assert gives(dispatch.handle(TakenBack(0, [1, 2, 3], 2 * STALLED_S))) == {1: [1, 2, 3]}
    assert dispatch.in_pipe(0) == [0]


def test_taking_back_may_come_too_late() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(4)), 0.0))
    assert dispatch.handle(ResultsArrived(1, [2, 3], 2 * SHORT, 0.001)) == [TakeBack(0, 1)]
    assert dispatch.handle(TakenBack(0, [], 0.001)) == []
    assert dispatch.handle(ResultsArrived(0, [0, 1], 2 * SHORT, 0.002)) == []
    assert len(dispatch) == 0


def test_taking_back_may_hit_a_worker_that_has_read_nothing_yet() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(0, 1, 2, 3), 0.0))
    assert dispatch.handle(ResultsArrived(1, [2, 3], 2 * SHORT, 0.001)) == [TakeBack(0, 1)]
    given = gives(dispatch.handle(TakenBack(0, [0], 0.001)))
    assert given == {1: [0]}
    assert dispatch.in_pipe(0) == [1]


def test_all_of_a_pipe_may_be_taken_back() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(0, 1, 2), 0.0))
    dispatch.handle(CancelAsked([0], 0.0))
    effects = dispatch.handle(TakenBack(0, [0, 1], 0.0))
    assert Withdrawn((0,)) in effects
    assert gives(effects) == {0: [1]}


def test_who_has_been_stalled_for_longest_is_found_among_those_that_go_on() -> None:
    dispatch = hasty(3)
    dispatch.handle(TasksArrived(items(*range(30)), 0.0))
    for step in range(1, 9):
        now = step * STALLED_S / 4
        effects = dispatch.handle(ResultsArrived(1, dispatch.in_pipe(1)[:1], SHORT, now))
        for stalled in (0, 2):
            assert (TakeBack(stalled, 9) in effects) == (step == 4)


def test_nothing_is_taken_back_from_the_only_worker() -> None:
    dispatch = hasty(1)
    dispatch.handle(TasksArrived(items(*range(8)), 0.0))
    assert dispatch.handle(TasksArrived(items(9), 1.0)) == []


def test_what_does_not_fit_waits_until_the_worker_reports_something() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(8)), 0.0))
    assert dispatch.handle(PipeFull(0, [2, 3], 0.0)) == [Give(1, items(2, 3), {})]
    assert dispatch.handle(PipeFull(1, [6, 7, 2, 3], 0.0)) == []
    assert dispatch.waiting() == [6, 7, 2, 3]
    assert gives(dispatch.handle(TasksArrived(items(9), 0.0))) == {}
    assert gives(dispatch.handle(ResultsArrived(0, [0], SHORT, 0.001))) == {0: [6, 7, 2]}
    assert gives(dispatch.handle(ResultsArrived(0, [1], SHORT, 0.001))) == {0: [3]}
    assert gives(dispatch.handle(ResultsArrived(0, [6, 7], SHORT, 0.001))) == {0: [9]}


def test_a_busy_pipe_is_topped_up() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(0, 1), 0.0))
    assert gives(dispatch.handle(TasksArrived(items(2, 3), 0.001))) == {0: [2], 1: [3]}


# --- several slots


def test_an_attempt_of_several_slots_waits_for_as_many_workers_and_keeps_its_place() -> None:
    dispatch = ready(3)
    dispatch.handle(TasksArrived(items(1, 2), 0.0))
    assert gives(dispatch.handle(TasksArrived([item(3, slots=2), item(4)], 0.0))) == {}
    assert gives(dispatch.handle(ResultsArrived(0, [1], LONG, 1.0))) == {2: [3]}
    assert gives(dispatch.handle(ResultsArrived(1, [2], LONG, 2.0))) == {1: [4]}
    assert gives(dispatch.handle(TasksArrived(items(5, 6), 3.0))) == {}
    assert gives(dispatch.handle(ResultsArrived(2, [3], LONG, 4.0))) == {0: [5], 2: [6]}


def test_an_attempt_that_wants_more_slots_than_there_are_gets_all_of_them() -> None:
    dispatch = ready(2)
    assert gives(dispatch.handle(TasksArrived([item(1, slots=9), item(2)], 0.0))) == {0: [1]}
    assert gives(dispatch.handle(ResultsArrived(0, [1], LONG, 1.0))) == {1: [2]}


def test_what_lies_behind_a_long_task_is_taken_back_even_if_a_wide_one_waits() -> None:
    """Nothing would tell that the time has come: the idle worker reports nothing, the busy one not for long."""
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(8)), 0.0))
    dispatch.handle(TasksArrived([item(8, slots=2)], 0.0))
    assert dispatch.handle(ResultsArrived(1, [4, 5, 6, 7], 4 * SHORT, STALLED_S / 2)) == [TakeBack(0, 1)]
    assert gives(dispatch.handle(TakenBack(0, [1], STALLED_S / 2))) == {1: [1]}


@pytest.mark.parametrize("slots", [0, -3])
def test_an_attempt_of_no_slots_holds_one(slots: int) -> None:
    dispatch = ready(2)
    given = gives(dispatch.handle(TasksArrived([item(1, slots=slots), item(2, slots=2), item(3, slots=slots)], 0.0)))
    assert given == {0: [1]}
    assert gives(dispatch.handle(ResultsArrived(0, [1], LONG, 1.0))) == {1: [2]}


def test_short_tasks_go_one_by_one_while_a_wide_one_waits() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived([item(1), item(2), item(3), item(4, slots=2)], 0.0))
    assert [dispatch.in_pipe(worker) for worker in (0, 1)] == [[1], [2]]
    dispatch.handle(ResultsArrived(0, [1], SHORT, 0.001))
    dispatch.handle(ResultsArrived(1, [2], SHORT, 0.001))
    assert gives(dispatch.handle(ResultsArrived(0, [3], SHORT, 0.002))) == {1: [4]}


@pytest.mark.parametrize("victim", [0, 1])
def test_the_slots_of_a_wide_attempt_come_back_whoever_dies(victim: int) -> None:
    dispatch = ready(2)
    dispatch.handle(TasksArrived([item(1, slots=2), item(2), item(3)], 0.0))
    dispatch.handle(WorkerGone(victim, 1 if victim == 0 else None, 1.0))
    dispatch.handle(WorkerReady(victim, 2.0))
    if victim == 1:
        assert dispatch.in_pipe(1) == []  # the new worker is lent as the old one was
        dispatch.handle(ResultsArrived(0, [1], LONG, 3.0))
    assert sorted(dispatch.in_pipe(0) + dispatch.in_pipe(1)) == [2, 3]


def test_a_lent_worker_that_is_dead_does_not_come_back_with_the_slots() -> None:
    dispatch = ready(2)
    dispatch.handle(TasksArrived([item(1, slots=2), item(2), item(3)], 0.0))
    dispatch.handle(WorkerGone(1, None, 1.0))
    assert gives(dispatch.handle(ResultsArrived(0, [1], LONG, 2.0))) == {0: [2]}
    assert gives(dispatch.handle(WorkerReady(1, 3.0))) == {1: [3]}


# --- deaths


def test_what_a_dead_worker_had_not_begun_goes_to_others_first_come_first_served() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(6)), 0.0))
    given = gives(dispatch.handle(WorkerGone(0, 0, 0.001)))
    assert given == {1: [1, 2]}
    assert 0 not in dispatch
    assert dispatch.in_pipe(0) == []
    dispatch.handle(ResultsArrived(1, [3, 4, 5, 1, 2], 5 * SHORT, 0.002))
    assert len(dispatch) == 0


def test_the_death_of_an_unknown_worker_is_nothing() -> None:
    assert ready(1).handle(WorkerGone(5, None, 0.0)) == []


# --- cancel


def test_a_waiting_attempt_is_withdrawn() -> None:
    dispatch = ready(1)
    dispatch.handle(TasksArrived(items(1, 2, 3), 0.0))
    assert dispatch.handle(CancelAsked([3, 2, 99], 0.0)) == [Withdrawn((2, 3))]
    assert dispatch.handle(ResultsArrived(0, [1], LONG, 1.0)) == []
    assert len(dispatch) == 0
    assert gives(dispatch.handle(TasksArrived(items(4), 2.0))) == {0: [4]}


def test_an_attempt_unread_in_a_pipe_is_withdrawn_and_its_neighbours_go_on() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(6)), 0.0))
    assert dispatch.handle(CancelAsked([1], 0.0)) == [TakeBack(0, 3)]
    effects = dispatch.handle(TakenBack(0, [1, 2], 0.0))
    assert Withdrawn((1,)) in effects
    assert gives(effects) == {0: [2]}


def test_the_worker_of_a_running_attempt_is_killed_and_hits_nobody_else() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(*range(6)), 0.0))
    assert dispatch.handle(CancelAsked([0], 0.0)) == [TakeBack(0, 3)]
    effects = dispatch.handle(TakenBack(0, [1, 2], 0.0))
    assert Kill(0, 0, "cancelled") in effects
    assert gives(effects) == {1: [1, 2]}
    assert dispatch.handle(CancelAsked([0], 0.001)) == []
    assert dispatch.handle(WorkerGone(0, 0, 1.0)) == []
    assert 0 not in dispatch


def test_a_killed_worker_that_reports_in_time_gets_nothing_more() -> None:
    dispatch = ready(2)
    dispatch.handle(TasksArrived(items(1), 0.0))
    dispatch.handle(CancelAsked([1], 0.0))
    assert dispatch.handle(TakenBack(0, [], 0.0)) == [Kill(0, 1, "cancelled")]
    dispatch.handle(ResultsArrived(0, [1], LONG, 0.5))
    assert gives(dispatch.handle(TasksArrived(items(2, 3), 0.6))) == {1: [2]}


def test_the_slots_of_a_wide_attempt_come_back_before_its_killed_worker_is_buried() -> None:
    dispatch = ready(3)
    dispatch.handle(TasksArrived([item(1, slots=2), item(2, slots=2)], 0.0))
    dispatch.handle(CancelAsked([1], 0.0))
    assert dispatch.handle(TakenBack(0, [], 0.0)) == [Kill(0, 1, "cancelled")]
    assert gives(dispatch.handle(ResultsArrived(0, [1], LONG, 0.5))) == {2: [2]}


def test_an_attempt_that_has_ended_but_not_arrived_costs_nobody_his_worker() -> None:
    dispatch = hasty()
    dispatch.handle(TasksArrived(items(0, 1, 2, 3), 0.0))
    dispatch.handle(CancelAsked([0], 0.0))
    assert dispatch.handle(TakenBack(0, [], 0.0)) == []  # it runs 1 already
    dispatch.handle(ResultsArrived(0, [0, 1], 2 * SHORT, 0.001))
    assert dispatch.held() == [2, 3]


# --- walltime


def test_without_walltimes_there_is_no_deadline() -> None:
    dispatch = ready(1)
    dispatch.handle(TasksArrived(items(1), 0.0))
    assert dispatch.deadline() is None


def test_a_task_far_beyond_its_walltime_costs_its_worker() -> None:
    dispatch = ready(2)
    dispatch.handle(TasksArrived([item(1, walltime=10.0), item(2), item(3, walltime=1.0)], 0.0))
    assert dispatch.deadline() == 10.0 + GRACE_S
    assert dispatch.handle(TimePassed(14.0)) == []
    assert dispatch.handle(TimePassed(15.0)) == [TakeBack(0, 1)]
    assert dispatch.deadline() is None
    assert dispatch.handle(TakenBack(0, [], 15.0)) == [Kill(0, 1, "walltime")]
    assert dispatch.deadline() is None
    dispatch.handle(WorkerGone(0, 1, 16.0))
    dispatch.handle(WorkerReady(0, 17.0))
    assert dispatch.deadline() == 17.0 + 1.0 + GRACE_S


def test_the_clock_of_a_task_starts_when_it_is_first_in_its_pipe() -> None:
    dispatch = hasty(1)
    dispatch.handle(TasksArrived([item(1, walltime=1.0), item(2, walltime=1.0)], 0.0))
    dispatch.handle(ResultsArrived(0, [1], SHORT, 3.0))
    assert dispatch.deadline() == 3.0 + 1.0 + GRACE_S


def test_a_worker_that_has_gone_on_in_the_meantime_is_spared() -> None:
    dispatch = hasty(1)
    dispatch.handle(TasksArrived([item(1, walltime=1.0), item(2)], 0.0))
    assert dispatch.handle(TimePassed(6.0)) == [TakeBack(0, 2)]
    assert dispatch.handle(TakenBack(0, [], 6.0)) == []  # it runs 2, so the result of 1 is on its way
    dispatch.handle(ResultsArrived(0, [1, 2], LONG, 6.1))
    assert gives(dispatch.handle(TasksArrived(items(3), 6.2))) == {0: [3]}


def test_capacity_is_what_the_pace_says() -> None:
    assert ready(3, prefetch=4).capacity() == 7
    assert hasty().capacity() > 1000


# --- before the node ends


def returned(effects: Sequence[Effect]) -> list[int]:
    return [attempt for effect in effects if isinstance(effect, Returned) for attempt in effect.attempts]


def ending(workers: int, at: float = 100.0) -> Dispatch:
    """A dispatch whose node ends; a walltime of 90 s is too long for it to care."""
    dispatch = Dispatch(workers, None, lambda walltime: at - walltime if walltime < 90 else at * 1e9)
    for worker in range(workers):
        dispatch.handle(WorkerReady(worker, 0.0))
    return dispatch


def test_what_no_worker_has_is_handed_back_when_nothing_new_is_taken() -> None:
    dispatch = ready(1)
    dispatch.handle(TasksArrived([item(1), item(2, walltime=5.0, buffers=1), item(3)], 0.0, [b"x"]))
    dispatch.handle(CancelAsked({3}, 0.0))
    assert returned(dispatch.handle(NothingNew(1.0))) == [2]
    assert (dispatch.held(), dispatch.waiting()) == ([1], [])
    assert dispatch.handle(NothingNew(1.0)) == []
    assert dispatch.handle(ResultsArrived(0, [1], LONG, 2.0)) == []
    (give,) = dispatch.handle(TasksArrived([item(2, walltime=5.0, buffers=1)], 3.0, [b"y"]))
    assert give == Give(0, [item(2, walltime=5.0, buffers=1)], {2: [b"y"]})


def test_what_waits_for_too_long_is_handed_back_in_time() -> None:
    dispatch = ending(1)
    dispatch.handle(TasksArrived([item(1), item(2, walltime=60.0), item(3, walltime=30.0), item(4)], 0.0))
    assert dispatch.deadline() == 40.0
    assert returned(dispatch.handle(TimePassed(40.0))) == [2]
    assert dispatch.deadline() == 70.0
    assert returned(dispatch.handle(TimePassed(70.0))) == [3]
    assert (dispatch.waiting(), dispatch.deadline()) == ([4], None)
    assert gives(dispatch.handle(ResultsArrived(0, [1], LONG, 80.0))) == {0: [4]}


def test_what_has_begun_goes_on() -> None:
    dispatch = ending(1)
    assert gives(dispatch.handle(TasksArrived([item(1, walltime=60.0)], 0.0))) == {0: [1]}
    assert dispatch.deadline() == 40.0
    assert dispatch.handle(TimePassed(40.0)) == []
    assert dispatch.held() == [1]
    assert dispatch.deadline() == 60.0 + GRACE_S


def test_a_task_that_may_be_begun_at_any_time_waits() -> None:
    dispatch = ending(1)
    dispatch.handle(TasksArrived([item(1), item(2, walltime=95.0), item(3, walltime=-1.0)], 0.0))
    assert returned(dispatch.handle(TimePassed(99.0))) == []
    assert dispatch.waiting() == [2, 3]


def test_those_behind_a_late_one_of_several_slots_go_on() -> None:
    dispatch = ending(2)
    dispatch.handle(TasksArrived([item(1), item(2, walltime=60.0, slots=2), item(3)], 0.0))
    assert dispatch.waiting() == [2, 3]
    effects = dispatch.handle(TimePassed(40.0))
    assert (returned(effects), gives(effects)) == ([2], {1: [3]})


def test_since_when_tasks_run() -> None:
    dispatch = ready(2)
    dispatch.handle(TasksArrived(items(1, 2, 3), 4.0))
    dispatch.handle(ResultsArrived(1, [2], LONG, 6.0))
    assert dispatch.begun() == {1: 4.0, 3: 6.0}
