from __future__ import annotations

import pytest

from parsl_like.core.records import RECORD_VERSION, Record, reason_of, task_record
from parsl_like.core.states import States


def test_a_new_task_tells_its_app_executor_and_dependencies() -> None:
    record = task_record((12.5, 7, 0, 0, ("f", "htex", (3, -1))))
    assert record == Record("task", 12.5, 7, {"app": "f", "executor": "htex", "depends": (3, -1)})


@pytest.mark.parametrize("state", sorted(set(States) - {States.unsched}))
def test_a_change_of_state_tells_its_name_and_try(state: States) -> None:
    record = task_record((1.0, 7, 2, int(state), None))
    assert record == Record("state", 1.0, 7, {"state": state.name, "try": 2})


def test_where_and_when_a_try_ran_is_told() -> None:
    fields = {"state": "exec_done", "try": 0, "started": 1.0, "ended": 2.0, "place": "node1/3"}
    assert task_record((3.0, 7, 0, 3, (1.0, 2.0, "node1/3"))).fields == fields


def test_an_error_is_told_as_its_type_and_text_cut_to_a_length() -> None:
    assert reason_of(ValueError("no")) == "ValueError: no"
    assert task_record((1.0, 7, 1, 8, ValueError("no"))).fields["reason"] == "ValueError: no"
    assert len(reason_of(ValueError("x" * 5000))) == 1000


def test_a_text_that_cannot_be_made_is_the_callers_to_deal_with() -> None:
    class Awkward(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(RuntimeError, match="no text"):
        task_record((1.0, 7, 0, 4, Awkward()))


def test_a_record_is_plain_and_versioned() -> None:
    assert Record._fields == ("kind", "time", "subject", "fields")
    assert isinstance(RECORD_VERSION, int)
