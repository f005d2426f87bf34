from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import Phase, States
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow
from parsl_like.dataflow.errors import DependencyError, JoinError
from parsl_like.dataflow.futures import FAILED, AppFuture
from parsl_like.dataflow.taskview import JudgedTask, TaskView
from parsl_like.remote.capture import Captured
from parsl_like.remote.timeout import Walltimed


def work() -> None:
    """An app's function."""


class Awkward(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Worse(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.fixture
def row() -> TaskRow:
    app = AppSpec("work", work, cache=True, ignore_for_cache=("a",))
    row = TaskRow(TaskId(7), app, "htex", AppFuture(7, "work"))
    row.attempt_id, row.phase = attempt_id(7, 2), Phase.launched
    row.args, row.kwargs, row.depends = (1,), {"k": 2}, (3, -1)
    row.errors, row.fail_count, row.fail_cost, row.losses = [ValueError("no"), Awkward()], 2, 1.5, 1
    row.resources, row.key, row.submitted, row.launched = {"cores": 2}, "a key", 1000.0, 1001.0
    return row


@pytest.fixture
def view(row: TaskRow) -> TaskView:
    return TaskView(row, row.future)


def test_it_has_the_keys_that_handlers_read(view: TaskView, row: TaskRow) -> None:
    assert dict(view) == {
        "id": 7,
        "status": States.launched,
        "app_fu": row.future,
        "dfk": None,
        "func": work,
        "func_name": "work",
        "args": [1],
        "kwargs": {"k": 2},
        "executor": "htex",
        "try_id": 2,
        "fail_count": 2,
        "fail_cost": 1.5,
        "fail_history": ["ValueError('no')", "Awkward()"],
        "losses": 1,
        "from_memo": False,
        "hashsum": "a key",
        "memoize": True,
        "ignore_for_cache": ["a"],
        "join": False,
        "depends": [3, -1],
        "resource_specification": {"cores": 2},
        "time_invoked": datetime.fromtimestamp(1000.0),
        "time_returned": None,
        "joins": None,
        "exec_fu": None,
        "try_time_launched": datetime.fromtimestamp(1001.0),
        "try_time_returned": None,
    }
    assert len(view) == len(dict(view))


@pytest.mark.parametrize("single", [True, False])
def test_the_inner_futures_of_a_join_are_seen_while_it_waits_for_them(single: bool) -> None:
    inner: AppFuture[Any] = AppFuture(2, "inner")
    row = TaskRow(TaskId(1), AppSpec("gather", None, join=True), "x", AppFuture(1, "gather"))
    view = TaskView(row, row.future)
    row.value = JoinTargets((inner,), single=single)
    assert view["joins"] == (inner if single else [inner])
    row.value = "the end"
    assert view["joins"] is None


def test_an_unknown_key_is_a_key_error(view: TaskView) -> None:
    assert "nonsense" not in view
    assert view.get("nonsense") is None
    with pytest.raises(KeyError, match="nonsense"):
        view["nonsense"]


def test_each_look_is_at_the_moment(view: TaskView, row: TaskRow) -> None:
    row.phase, row.returned = Phase.done, 1010.0
    assert (view.status, view["status"], view["time_returned"]) == (
        States.exec_done,
        States.exec_done,
        datetime.fromtimestamp(1010.0),
    )


def test_it_cannot_be_written(view: TaskView) -> None:
    with pytest.raises(TypeError):
        view["executor"] = "other"  # type: ignore[index]
    view["resource_specification"]["cores"] = 100
    view["depends"].clear()
    assert (view["resource_specification"], view["depends"]) == ({"cores": 2}, [3, -1])


def test_of_a_dropped_task_what_its_future_knows_is_left() -> None:
    future: AppFuture[Any] = AppFuture(7, "work")
    future._phase = Phase.dep_failed
    view = TaskView(None, future)
    assert dict(view) == {
        "id": 7,
        "func_name": "work",
        "status": States.dep_fail,
        "app_fu": future,
        "dfk": None,
    }
    assert len(view) == 5
    with pytest.raises(KeyError, match="args"):
        view["args"]


def test_a_call_without_keyword_arguments_has_an_empty_dictionary(row: TaskRow) -> None:
    row.kwargs, row.errors, row.resources = None, None, None
    view = TaskView(row, row.future)
    assert (view["kwargs"], view["fail_history"], view["resource_specification"]) == ({}, [], {})


def test_the_function_is_the_programs_own_whatever_it_is_wrapped_in(row: TaskRow) -> None:
    row.app = AppSpec("work", Captured(Walltimed(work, 3.0)))
    assert TaskView(row, row.future)["func"] is work


def test_it_can_be_shown(view: TaskView) -> None:
    assert repr(view) == "<task 7 (work) launched>"


def test_a_failure_that_is_judged_counts_already(row: TaskRow) -> None:
    error = KeyError("now")
    judged = JudgedTask(row, row.future, error)
    assert (judged["fail_count"], judged["fail_cost"], judged["try_id"]) == (3, 1.5, 2)
    assert judged["fail_history"] == ["ValueError('no')", "Awkward()", "KeyError('now')"]
    assert judged["exec_fu"].exception() is error
    assert judged["try_time_returned"] > judged["try_time_launched"]
    row.fail_count, row.errors = 3, [*row.errors, error]
    assert (judged["fail_count"], len(judged["fail_history"])) == (3, 3)
    assert set(judged) == set(TaskView(row, row.future))


def test_errors_that_cannot_be_shown_or_are_long_are_in_the_history(row: TaskRow) -> None:
    row.errors = [Worse("text"), ValueError("x" * 5000)]
    shown, long = TaskView(row, row.future)["fail_history"]
    assert shown == "Worse: text"
    assert len(long) == 1000


def test_an_ended_task_has_been_tried_and_may_be_remembered(row: TaskRow) -> None:
    view = TaskView(row, row.future)
    row.phase = Phase.recalled
    assert (view["from_memo"], view["exec_fu"], view["status"]) == (True, row.future, States.memo_done)


@pytest.mark.parametrize(
    ("phase", "value", "before", "count", "cost"),
    [
        (Phase.failed, ValueError("last"), 2, 2, 1.5),
        (Phase.failed, ValueError("cannot be sent"), 0, 1, 1.5),
        (Phase.failed, JoinError([], 7), 2, 3, 1.5),
        (Phase.dep_failed, DependencyError([], 7), 2, 3, 2.5),
        (Phase.cancelled, None, 2, 2, 1.5),
        (Phase.done, None, 2, 2, 1.5),
    ],
)
def test_how_a_task_ended_is_in_its_history(
    row: TaskRow, phase: Phase, value: Any, before: int, count: int, cost: float
) -> None:
    row.phase, row.fail_count = phase, before
    row.future.settle(FAILED, value)
    view = TaskView(row, row.future)
    ended_badly = phase in (Phase.failed, Phase.dep_failed)
    assert (view["fail_count"], view["fail_cost"], len(view["fail_history"])) == (count, cost, 2 + ended_badly)
