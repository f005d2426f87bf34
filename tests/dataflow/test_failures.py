from __future__ import annotations

import logging
from typing import Any

import pytest

from parsl_like.core.ids import TaskId
from parsl_like.core.states import States
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.dataflow.errors import KernelClosed
from parsl_like.dataflow.failures import IN_FULL, FailureLog


def raised(error: BaseException) -> BaseException:
    """An exception with a traceback."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


def log_of(caplog: pytest.LogCaptureFixture, *changes: tuple[int, int, States, Any]) -> Any:
    """What is logged for changes of state."""
    work: list[Any] = []
    FailureLog({}).note(
        [(1.0, task, number, int(state), detail) for task, number, state, detail in changes], work.append
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert [list(write()) for write in work] == [[] for _ in work]
    return caplog.records


def test_each_failed_try_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    again, last = log_of(
        caplog,
        (7, 0, States.fail_retryable, raised(ValueError("first"))),
        (7, 1, States.failed, raised(KeyError("last"))),
    )
    assert again.getMessage().startswith("task 7 (?) will be tried again after try 0: Traceback")
    assert "ValueError: first" in again.getMessage()
    assert last.getMessage().startswith("task 7 (?) failed after try 1: Traceback")
    assert "in raised" in last.getMessage()
    assert (again.task, again.levelno) == (7, logging.WARNING)


def test_what_went_well_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    changes = [
        (1, 0, States.pending, ("f", "x", ())),
        (1, 0, States.launched, None),
        (1, 0, States.exec_done, (1.0, 2.0, "node1")),
        (2, 0, States.dep_fail, ValueError("of another task")),
        (3, 0, States.failed, None),
    ]
    assert log_of(caplog, *changes) == []


def test_many_failures_of_one_type_are_logged_in_short(caplog: pytest.LogCaptureFixture) -> None:
    changes = [(task, 0, States.failed, raised(ValueError("no"))) for task in range(IN_FULL + 2)]
    other = (999, 0, States.failed, raised(KeyError("k")))
    records = log_of(caplog, *changes, other)
    full = ["Traceback" in record.getMessage() for record in records]
    assert full == [True] * IN_FULL + [False] * 2 + [True]
    assert records[IN_FULL].getMessage() == f"task {IN_FULL} (?) failed after try 0: ValueError again"


def test_many_tries_of_one_type_that_are_made_again_share_a_line(caplog: pytest.LogCaptureFixture) -> None:
    changes = [(task, 0, States.fail_retryable, raised(ValueError("no"))) for task in range(IN_FULL + 3)]
    alone = log_of(caplog, *changes[: IN_FULL + 1])
    assert alone[-1].getMessage() == f"task {IN_FULL} (?) will be tried again: ValueError again"
    records = log_of(caplog, *changes)
    assert len(records) == IN_FULL + 1
    assert (
        records[-1].getMessage()
        == f"3 tasks from task {IN_FULL} (?) to task {IN_FULL + 2} (?) will be tried again: ValueError again"
    )


def test_nothing_is_put_where_nothing_failed() -> None:
    FailureLog({}).note([], lambda work: pytest.fail("work"))
    FailureLog({}).note([(1.0, 1, 0, int(States.launched), None)], lambda work: pytest.fail("work"))


def test_what_the_end_of_the_kernel_cancels_is_not_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    given: list[Any] = []
    FailureLog({}).note([(0.0, 1, 0, int(States.failed), KernelClosed("closed"))], given.append)
    assert given == []


def test_tasks_are_told_with_their_apps(caplog: pytest.LogCaptureFixture) -> None:
    """Those that are tried again still have a row; those that have failed for good are told of a moment before."""
    again = TaskRow(TaskId(1), AppSpec("draw", None), "htex")
    failed = TaskRow(TaskId(2), AppSpec("count", None), "htex")
    log = FailureLog({1: again})
    work: list[Any] = []
    log.ended([failed])
    states = [(1, States.fail_retryable), (2, States.failed), (3, States.failed)]
    log.note([(0.0, task, 0, int(state), raised(ValueError("no"))) for task, state in states], work.append)
    with caplog.at_level(logging.WARNING):
        work[0]()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "task 1 (draw) will be tried again after try 0",
        "task 2 (count) failed after try 0",
        "task 3 (?) failed after try 0",
    ]
