"""A memoizer of the program's own behind the kernel's seam."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import Any

import pytest

from parsl_like.core.events import EventType
from parsl_like.core.ids import TaskId
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.dataflow.dependency_resolvers import SHALLOW_DEPENDENCY_RESOLVER
from parsl_like.dataflow.futures import AppFuture
from parsl_like.dataflow.preparation import Preparation
from parsl_like.dataflow.recalling import UNNAMED, MemoizedTask, ProgramMemo
from parsl_like.dataflow.taskview import TaskView


class Answering:
    """A memoizer with Parsl's methods that gives one answer to all questions."""

    def __init__(self, answer: Any = None, hashsum: Any = None) -> None:
        self.answer, self.hashsum = answer, hashsum
        self.calls: list[Any] = []

    def start(self, *, run_dir: str, config_run_dir: str) -> None:
        self.calls.append(("start", run_dir, config_run_dir))

    def check_memo(self, task: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.hashsum is not None:
            task["hashsum"] = self.hashsum
        return self.answer

    def update_memo_result(self, task: Any, r: Any) -> None:
        if r == "bad":
            raise RuntimeError("no room")
        self.calls.append(("result", task["id"], task["hashsum"], r))

    def update_memo_exception(self, task: Any, e: BaseException) -> None:
        self.calls.append(("exception", task["id"], e))

    def checkpoint(self) -> None:
        self.calls.append("checkpoint")

    def close(self) -> None:
        self.calls.append("close")
        raise RuntimeError("cannot close")


class Silent:
    """One that only has what it needs."""

    def check_memo(self, task: Any) -> None:
        """Nothing is remembered."""


def work(*args: Any) -> None:
    """An app's function."""


@pytest.fixture
def row() -> TaskRow:
    row = TaskRow(TaskId(7), AppSpec("work", work), "threads", AppFuture(7, "work"))
    row.kwargs = {}
    return row


def done(value: Any = None, error: Exception | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
    return future


def asked(memo: ProgramMemo, row: TaskRow) -> tuple[Any, Any]:
    row.key = memo.key(TaskView(row, row.future))
    assert row.key is not None
    return row.key, memo.lookup(row.key)


def test_an_answer_is_a_future(row: TaskRow) -> None:
    future = done("value")
    memo = ProgramMemo(Answering(future, hashsum="sum"))
    assert asked(memo, row) == ("sum", (True, future))
    assert memo.lookup("sum") == (False, None)


def test_without_an_answer_the_task_is_told_of_all_the_same(row: TaskRow) -> None:
    assert asked(ProgramMemo(Answering()), row) == (UNNAMED, (False, None))
    assert TaskView(row, row.future)["hashsum"] is None


def test_an_answer_that_is_none_is_refused(row: TaskRow) -> None:
    with pytest.raises(TypeError, match="returned 'value'; expected None or a Future"):
        asked(ProgramMemo(Answering("value")), row)


def test_a_memoizer_may_set_the_hashsum_and_nothing_else(row: TaskRow) -> None:
    task = MemoizedTask(row, row.future)
    task["hashsum"] = "sum"
    assert task["hashsum"] == row.key == "sum"
    with pytest.raises(TypeError, match="not 'executor'"):
        task["executor"] = "other"


def test_it_is_told_of_every_end_even_if_it_fails_on_one(row: TaskRow, caplog: pytest.LogCaptureFixture) -> None:
    memoizer = Answering()
    memo = ProgramMemo(memoizer)
    row.key = "sum"
    with caplog.at_level(logging.ERROR):
        memo.told([(row, "sum", "bad"), (row, "sum", "good")])
    row.value = error = ValueError("no")
    assert memo.told_failures([row]) == ()
    assert memoizer.calls == [("result", 7, "sum", "good"), ("exception", 7, error)]
    assert "update_memo_result" in caplog.text
    assert "task 7" in caplog.text


def test_it_begins_writes_and_ends_with_the_run(caplog: pytest.LogCaptureFixture) -> None:
    memoizer = Answering()
    memo = ProgramMemo(memoizer)
    memo.start("runs/000", "runs")
    memo.checkpoint()
    memo.close()
    assert memoizer.calls == [("start", "runs/000", "runs"), "checkpoint", "close"]
    assert "cannot close" in caplog.text


def test_methods_that_it_does_not_have_are_not_called(row: TaskRow) -> None:
    memo = ProgramMemo(Silent())
    memo.start("runs/000", "runs")
    assert asked(memo, row) == (UNNAMED, (False, None))
    memo.told([(row, "", 1)])
    memo.told_failures([row])
    memo.checkpoint()
    memo.close()


def test_what_the_seam_asks_of_others_is_the_memoizers_own_affair() -> None:
    memo, acknowledged = ProgramMemo(Silent()), []
    memo.remember("key", 1, lambda: acknowledged.append(1))
    assert (acknowledged, memo.attach("key", 1)) == ([1], None)


# --- on the prepare thread


class Desk:
    """A preparation that asks a memoizer about every task."""

    def __init__(self, memoizer: Any, session_of: Any) -> None:
        self.posted: list[Any] = []
        sessions = {"threads": session_of("threads")}
        memo = ProgramMemo(memoizer)
        self.preparation = Preparation(sessions, SHALLOW_DEPENDENCY_RESOLVER, memo, self.posted.extend)


def test_a_remembered_value_or_error_is_the_end(row: TaskRow, session_of: Any) -> None:
    error = KeyError("x")
    found = Desk(Answering(done("value")), session_of).preparation.event_for(row)
    failed = Desk(Answering(done(error=error)), session_of).preparation.event_for(row)
    assert (found, failed) == ((EventType.RECALLED, 7, "value"), (EventType.PREPARE_FAILED, 7, error))


def test_an_answer_that_is_not_there_yet_comes_later_and_holds_up_nobody(row: TaskRow, session_of: Any) -> None:
    later: Future[Any] = Future()
    desk = Desk(Answering(later), session_of)
    desk.preparation.serve([row])
    assert desk.posted == []
    later.set_result("value")
    assert desk.posted == [(EventType.RECALLED, 7, "value")]


def test_a_question_that_raises_ends_the_task(row: TaskRow, session_of: Any) -> None:
    error = RuntimeError("broken")
    assert Desk(Answering(error), session_of).preparation.event_for(row) == (EventType.PREPARE_FAILED, 7, error)


def test_nothing_remembered_means_run(row: TaskRow, session_of: Any) -> None:
    event = Desk(Answering(), session_of).preparation.event_for(row)
    assert event is not None
    assert event[0] == EventType.PREPARED
