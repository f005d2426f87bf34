from __future__ import annotations

from typing import Any

import pytest

from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import Phase, States
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow, remains_of, row_of


def test_a_new_row_is_the_first_try_of_its_task() -> None:
    row = TaskRow(TaskId(7), AppSpec("f", None, priority=-2), "htex", future="its future")
    assert (row.id, row.number, row.attempt_id) == (7, 0, attempt_id(7, 0))
    assert (row.phase, row.state, row.executor, row.future) == (Phase.new, States.pending, "htex", "its future")
    assert row.priority == -2


def test_a_row_shows_the_state_of_its_phase_and_the_number_of_its_try() -> None:
    row = TaskRow(TaskId(7), AppSpec("f", None), "htex")
    row.phase, row.attempt_id = Phase.launched, attempt_id(7, 2)
    assert row.state is States.launched
    assert repr(row) == "<task 7 f launched try 2 on htex>"


def test_a_row_costs_one_object_and_takes_no_other_attribute() -> None:
    row = TaskRow(TaskId(7), AppSpec("f", None), "htex")
    assert not hasattr(row, "__dict__")
    assert sorted(name for name in TaskRow.__slots__ if not hasattr(row, name)) == []
    with pytest.raises(AttributeError):
        row.comment = "x"  # type: ignore[attr-defined]


def test_apps_are_told_apart_by_identity_and_are_frozen() -> None:
    one, same = AppSpec("f", None), AppSpec("f", None)
    assert one != same
    assert len({one, same}) == 2
    with pytest.raises(AttributeError):
        one.name = "g"  # type: ignore[misc]


def test_targets_of_a_join_tell_one_future_from_a_list_of_one() -> None:
    assert JoinTargets(("f",), single=True).single
    assert not JoinTargets(("f",), single=False).single


def test_of_an_ended_task_remains_what_is_asked_about_it_and_not_what_was_sent() -> None:
    row = TaskRow(TaskId(7), AppSpec("f", None), "htex", "its future")
    row.phase, row.attempt_id, row.args, row.kwargs = Phase.failed, attempt_id(7, 2), (1,), {"k": 2}
    row.errors, row.fail_count, row.fail_cost, row.losses = ["no"], 2, 1.5, 1
    row.depends, row.resources, row.key = (3,), {"cores": 2}, "key"
    row.submitted, row.launched, row.returned = 1.0, 2.0, 3.0
    row.body, row.buffers, row.value, row.function, row.dependents = b"body", (b"large",), "value", "function", []
    remains = remains_of(row)
    assert not [part for part in remains if part in ("its future", "value", "function", b"body")]
    again = row_of(remains, "another future")
    kept = {name: getattr(row, name) for name in TaskRow.__slots__}
    gone = {"body": None, "buffers": (), "value": None, "function": None, "dependents": None}
    assert {name: getattr(again, name) for name in TaskRow.__slots__} == kept | gone | {"future": "another future"}


@pytest.mark.parametrize(
    ("args", "kwargs", "kept"),
    [
        ((), {}, True),
        ((1, "a", 2.5, None), {"k": b"x"}, True),
        (("a" * 1001,), {}, False),
        ((1, [2]), {"k": {"a": 3}, "s": {4}}, True),
        ((1, [[2]]), {}, False),
        ((list(range(1001)),), {}, False),
        ((), {"k": {"a": object()}}, False),
        ((), {"k": dict.fromkeys(range(1001))}, False),
        ((), {"k": object()}, False),
        ((), None, True),
    ],
)
def test_only_plain_and_short_arguments_outlive_their_task(args: Any, kwargs: Any, kept: bool) -> None:
    row = TaskRow(TaskId(7), AppSpec("f", None), "htex", None)
    row.args, row.kwargs = args, kwargs
    again = row_of(remains_of(row), "a future")
    assert (again.args, again.kwargs) == ((args, kwargs) if kept else (None, None))
