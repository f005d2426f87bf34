from __future__ import annotations

from parsl_like.core.graph import connect, disconnect, note_failure, release
from parsl_like.core.ids import TaskId
from parsl_like.core.states import Phase
from parsl_like.core.task import AppSpec, TaskRow


def row(task: int, *depends: int, phase: Phase = Phase.waiting) -> TaskRow:
    made = TaskRow(TaskId(task), AppSpec("f", None), "x")
    made.depends, made.phase = depends, phase
    return made


def test_edges_are_mirrored_and_counted() -> None:
    first, second, third = row(1), row(2), row(3, 1, 2)
    connect(third, {1: first, 2: second}, {})
    assert (first.dependents, second.dependents, third.unresolved) == ([third], [third], 2)


def test_what_has_ended_is_not_waited_for() -> None:
    ended, last = row(1, phase=Phase.done), row(3, 1, 2)
    connect(last, {1: ended}, {})
    assert (last.unresolved, ended.dependents) == (0, None)


def test_foreign_futures_are_waited_for_by_their_numbers() -> None:
    foreign: dict[int, TaskRow] = {}
    last = row(3, -1, -2)
    connect(last, {}, foreign)
    assert (foreign, last.unresolved) == ({-1: last, -2: last}, 2)


def test_a_future_given_twice_is_two_edges() -> None:
    first, last = row(1), row(3, 1, 1)
    connect(last, {1: first}, {})
    assert last.unresolved == 2
    assert list(release(first, None)) == [last]
    assert last.unresolved == 0


def test_release_yields_those_that_wait_for_nothing_more() -> None:
    first, ready, not_yet = row(1), row(2, 1), row(3, 1, -1)
    for dependent in (ready, not_yet):
        connect(dependent, {1: first}, {})
    assert list(release(first, None)) == [ready]
    assert (first.dependents, not_yet.unresolved, ready.failed_depends) == (None, 1, None)
    assert list(release(first, None)) == []


def test_a_failure_is_noted_and_the_rest_is_waited_for() -> None:
    first, second, last = row(1), row(2), row(3, 1, 2)
    connect(last, {1: first, 2: second}, {})
    assert list(release(first, "broken")) == []
    assert list(release(second, "too")) == [last]
    assert last.failed_depends == [("task 1 (f)", "broken"), ("task 2 (f)", "too")]


def test_failures_have_names() -> None:
    last = row(3)
    note_failure(last, "a future of another kind", "broken")
    assert last.failed_depends == [("a future of another kind", "broken")]


def test_disconnecting_lets_go_of_foreign_futures_only() -> None:
    first, other, last = row(1), row(4, -3), row(3, 1, -1, -2)
    foreign: dict[int, TaskRow] = {}
    connect(last, {1: first}, foreign)
    connect(other, {}, foreign)
    foreign.pop(-2)
    disconnect(last, foreign)
    assert foreign == {-3: other}
    assert first.dependents == [last]
