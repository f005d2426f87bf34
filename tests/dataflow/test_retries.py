from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.events import EventType
from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import Phase
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.dataflow.futures import AppFuture
from parsl_like.dataflow.retries import RetryDesk
from parsl_like.dataflow.services import is_service_thread

if TYPE_CHECKING:
    from parsl_like.core.machine import TaskMachine

PATIENCE = 30.0
ERROR = ValueError("no")
REPORT = (1.0, 2.0, "node1")


class Judge:
    """A desk over a machine with one running task, and what it posts."""

    def __init__(self, machine: TaskMachine) -> None:
        self.machine = machine
        self.posted: SimpleQueue[Any] = SimpleQueue()
        self.desk: RetryDesk | None = None
        row = TaskRow(TaskId(1), AppSpec("work", None), "x", AppFuture(1, "work"))
        row.ready = True
        machine.feed([(EventType.SUBMITTED, 1, row)])

    def of(self, handler: Callable[[BaseException, Any], float], threads: int = 2) -> RetryDesk:
        self.desk = RetryDesk(handler, self.machine, self.posted.put, threads)
        return self.desk

    def ask(self, handler: Callable[[BaseException, Any], float]) -> Any:
        """The failure as it comes back."""
        self.of(handler).ask(attempt_id(1, 0), (ERROR, 1.0, REPORT))
        return self.posted.get(timeout=PATIENCE)


@pytest.fixture
def judge(machine: TaskMachine) -> Iterator[Judge]:
    made = Judge(machine)
    yield made
    if made.desk is not None:
        made.desk.close()
        for thread in made.desk._pool._threads:
            thread.join(PATIENCE)


def test_a_failure_comes_back_with_its_cost(judge: Judge) -> None:
    seen: list[Any] = []

    def handler(error: BaseException, task: Any) -> float:
        seen.append((error, task["id"], task["func_name"], threading.current_thread().name, is_service_thread()))
        return 0.25

    assert judge.ask(handler) == (EventType.ATTEMPT_FAILED, attempt_id(1, 0), (ERROR, 0.25, REPORT))
    assert seen == [(ERROR, 1, "work", "parsl-like-retry_0", True)]


def test_a_handler_that_raises_ends_the_task_and_is_named_as_the_cause(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        code, attempt, (error, cost, report) = judge.ask(lambda error, task: 1 // 0)
    assert (code, attempt, cost, report) == (EventType.ATTEMPT_FAILED, attempt_id(1, 0), math.inf, REPORT)
    assert isinstance(error, ZeroDivisionError)
    assert error.__cause__ is ERROR
    assert "the retry handler raised on task 1" in caplog.text


@pytest.mark.parametrize("answer", [None, "much", [1]], ids=lambda answer: type(answer).__name__)
def test_an_answer_that_is_no_number_is_an_error_of_the_handler(judge: Judge, answer: Any) -> None:
    error, cost, _ = judge.ask(lambda error, task: answer)[2]
    assert (type(error) in (TypeError, ValueError), cost) == (True, math.inf)
    assert error is not ERROR


def test_a_handler_that_wants_to_end_the_program_ends_the_task(judge: Judge) -> None:
    def handler(error: BaseException, task: Any) -> float:
        raise SystemExit(3)

    error, cost, _ = judge.ask(handler)[2]
    assert (type(error), cost) == (SystemExit, math.inf)


@pytest.mark.parametrize("attempt", [attempt_id(1, 1), attempt_id(2, 0)], ids=["another try", "another task"])
def test_stale_failures_are_not_judged(judge: Judge, attempt: int) -> None:
    desk = judge.of(lambda error, task: pytest.fail("asked"))
    desk.ask(attempt, (ERROR, 1.0, None))
    assert desk._pool._threads == []


def test_a_task_that_has_been_cancelled_is_not_judged(judge: Judge) -> None:
    desk = judge.of(lambda error, task: pytest.fail("asked"))
    judge.machine.rows[1].phase = Phase.cancelled
    desk.ask(attempt_id(1, 0), (ERROR, 1.0, None))
    assert desk._pool._threads == []


def test_a_failure_that_no_thread_can_judge_costs_what_it_did(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with caplog.at_level(logging.ERROR):
        assert judge.ask(lambda error, task: 0.0) == (EventType.ATTEMPT_FAILED, attempt_id(1, 0), (ERROR, 1.0, REPORT))
    assert "nobody can judge the failure of task 1" in caplog.text


def test_a_handler_that_sleeps_does_not_keep_the_program_from_ending(judge: Judge) -> None:
    daemons: list[bool] = []

    def handler(error: BaseException, task: Any) -> float:
        daemons.append(threading.current_thread().daemon)
        return 1.0

    judge.ask(handler)
    assert daemons == [True]


def test_several_failures_are_judged_at_once(judge: Judge) -> None:
    together = threading.Barrier(2)

    def handler(error: BaseException, task: Any) -> float:
        together.wait(PATIENCE)
        return 1.0

    desk = judge.of(handler, threads=2)
    for _ in range(2):
        desk.ask(attempt_id(1, 0), (ERROR, 1.0, None))
    assert [judge.posted.get(timeout=PATIENCE)[2][1] for _ in range(2)] == [1.0, 1.0]


def test_closing_drops_what_is_not_begun_and_waits_for_nobody(judge: Judge) -> None:
    begun, gate = threading.Event(), threading.Event()

    def handler(error: BaseException, task: Any) -> float:
        begun.set()
        gate.wait(PATIENCE)
        return 1.0

    desk = judge.of(handler, threads=1)
    for _ in range(3):
        desk.ask(attempt_id(1, 0), (ERROR, 1.0, None))
    assert begun.wait(PATIENCE)
    desk.close()
    gate.set()
    for thread in desk._pool._threads:
        thread.join(PATIENCE)
    assert judge.posted.qsize() == 1


def test_a_desk_nobody_came_to_is_closed_too(judge: Judge) -> None:
    judge.of(lambda error, task: 1.0).close()
