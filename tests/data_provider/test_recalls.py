"""A file is taken away once: by the task that made it, not by those that are remembered."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from parsl_like.data_provider.recalls import Recalls, is_task


class Task(Future[Any]):
    def __init__(self, state: str) -> None:
        super().__init__()
        self.state = state

    def task_status(self) -> str:
        return self.state


def ended(state: str, error: Exception | None = None) -> Task:
    task = Task(state)
    if error is None:
        task.set_result(None)
    else:
        task.set_exception(error)
    return task


def test_the_future_of_a_task_is_told_from_others() -> None:
    assert is_task(Task("pending"))
    assert not is_task(Future())


@pytest.mark.parametrize(
    ("task", "there"),
    [(ended("memo_done"), True), (ended("exec_done"), False), (ended("failed", ValueError("x")), False)],
    ids=["remembered", "ran", "failed"],
)
def test_what_an_earlier_run_has_taken_away_is_there(task: Task, there: bool) -> None:
    assert Recalls().before("u", task).result(0) is there


def test_a_cancelled_task_is_not_remembered() -> None:
    task = Task("failed")
    there = Recalls().before("u", task)
    task.cancel()
    task.set_running_or_notify_cancel()
    assert there.result(0) is False


@pytest.mark.parametrize("error", [None, OSError("broken")])
def test_an_equal_call_waits_for_the_transfer_of_the_one_that_ran(error: Exception | None) -> None:
    recalls, transfer = Recalls(), Future[Any]()
    recalls.note("u", transfer)
    there = recalls.before("u", ended("memo_done"))
    assert not there.done()
    assert recalls.before("another", ended("memo_done")).result(0) is True
    if error is None:
        transfer.set_result(None)
    else:
        transfer.set_exception(error)
    assert there.result(0) is (error is None)
    assert recalls.before("u", ended("memo_done")).result(0) is (error is None)
    assert bool(recalls._last) is (error is not None)
