from __future__ import annotations

import pytest

from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import Phase, States
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow


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
