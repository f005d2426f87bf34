"""A user's retry handler: asked off the owner thread what a failure costs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.states import Phase
from parsl_like.dataflow.services import ServicePool
from parsl_like.dataflow.taskview import JudgedTask, TaskView

if TYPE_CHECKING:
    from parsl_like.core.machine import TaskMachine

logger = logging.getLogger(__name__)

_ATTEMPT_FAILED = int(EventType.ATTEMPT_FAILED)

RetryHandler = Callable[[Exception, Any], float]


class RetryDesk:
    """Asks the user's handler, on threads of its own since it may take its time.

    Args:
        handler: ``handler(exception, task_record) -> cost``, or None.
        machine: Where the failed task is found; read on the owner thread only.
        post: Takes the failure back once its cost is known.
        threads: How many failures are judged at once.
    """

    def __init__(
        self, handler: RetryHandler | None, machine: TaskMachine, post: Callable[[RawEvent], None], threads: int
    ) -> None:
        self._handler = handler
        self._machine = machine
        self._post = post
        self._pool: ServicePool[tuple[int, tuple[Any, float, Any], TaskView]] = ServicePool(
            "parsl-like-retry", self._judge, threads
        )

    def ask(self, attempt: int, failure: tuple[Any, float, Any]) -> None:
        """Have a failure judged; called on the owner thread."""
        row = self._machine.rows.get(attempt >> 16)
        if row is None or row.attempt_id != attempt or row.phase != Phase.launched:
            return
        try:
            self._pool.put((attempt, failure, JudgedTask(row, row.future, failure[0])))
        except RuntimeError:  # the system gives no thread, as at the end of the interpreter
            text = "nobody can judge the failure of task %d, so it costs what it costs by itself"
            logger.exception(text, row.id, extra={"task": int(row.id)})
            self._post((_ATTEMPT_FAILED, attempt, failure))

    def _judge(self, item: tuple[int, tuple[Any, float, Any], TaskView]) -> None:
        attempt, failure, task = item
        error, cost, report = failure
        try:
            cost = float(self._handler(error, task))  # type: ignore[misc]  # nobody asks without a handler
        except BaseException as complaint:  # a user's handler: its own failure ends the task, and is named as the cause
            logger.exception("the retry handler raised on task %s", task["id"], extra={"task": task["id"]})
            complaint.__cause__ = error
            error, cost = complaint, float("inf")
        self._post((_ATTEMPT_FAILED, attempt, (error, cost, report)))

    def close(self) -> None:
        """Judge nothing more; a handler that sleeps is not waited for."""
        self._pool.stop()
