"""A task machine on the bench: tasks are brought into a phase, one event goes in, its effects come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.events import (
    Attached,
    AttemptSucceeded,
    CancelRequested,
    DependencyDone,
    Event,
    Prepared,
    PrepareFailed,
    Recalled,
    Submitted,
    TimePassed,
)
from parsl_like.core.ids import TaskId
from parsl_like.core.machine import TaskMachine
from parsl_like.core.states import Phase
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.core.effects import Effect


APP = AppSpec("work", None)
JOIN = AppSpec("gather", None, join=True)
CALL = ("function", ("a",), {"k": 1}, b"body", ())
TARGETS = JoinTargets(("future",), single=True)


class Bench:
    """A machine whose errors are plain tuples, so that effects can be compared; validated after every event."""

    app, join, call, targets = APP, JOIN, CALL, TARGETS

    def __init__(self, **options: Any) -> None:
        self.machine = TaskMachine(
            **{
                "dependency_error": lambda task, failed: ("dependencies of", task, tuple(failed)),
                "join_type_error": lambda name, value: ("no futures from", name, value),
                "loss_error": lambda cause, losses: ("lost", cause, losses),
                **options,
            }
        )
        self.rows: dict[int, TaskRow] = {}

    # --- doors

    def handle(self, *events: Event) -> list[Effect]:
        """The effects of events, one after the other."""
        out: list[Effect] = []
        for event in events:
            out += self.machine.handle(event)
            self.machine.validate()
        return out

    def row(self, task: int, app: AppSpec = APP, **fields: Any) -> TaskRow:
        """A new row, not yet submitted."""
        row = self.rows[task] = TaskRow(TaskId(task), app, fields.pop("executor", "x"))
        for name, value in fields.items():
            setattr(row, name, value)
        return row

    def submit(self, task: int, app: AppSpec = APP, **fields: Any) -> list[Effect]:
        """The effects of submitting a new task."""
        return self.handle(Submitted(self.row(task, app, **fields)))

    def phase(self, task: int) -> Phase:
        return Phase(self.rows[task].phase)

    def succeed(self, task: int, value: Any = "value") -> list[Effect]:
        """The effects of the good end of a task's current attempt."""
        return self.handle(AttemptSucceeded(self.rows[task].attempt_id, value))

    def fail_preparing(self, task: int, error: Any = "error") -> list[Effect]:
        return self.handle(PrepareFailed(TaskId(task), error))

    def cancel(self, task: int, error: Any = "cancelled") -> list[Effect]:
        return self.handle(CancelRequested(TaskId(task), error))

    # --- tasks in a phase

    def waiting(self, task: int, app: AppSpec = APP, **fields: Any) -> TaskRow:
        """A task that waits for the foreign future -1 (or whatever ``depends`` says)."""
        self.submit(task, app, **{"depends": (-1,), **fields})
        return self._in(task, Phase.waiting)

    def preparing(self, task: int, app: AppSpec = APP, **fields: Any) -> TaskRow:
        self.submit(task, app, **fields)
        return self._in(task, Phase.preparing)

    def launched(self, task: int, app: AppSpec = APP, **fields: Any) -> TaskRow:
        self.preparing(task, app, **fields)
        self.handle(Prepared(TaskId(task), CALL))
        return self._in(task, Phase.launched)

    def joining(self, task: int, app: AppSpec = JOIN, **fields: Any) -> TaskRow:
        self.launched(task, app, **fields)
        self.succeed(task, TARGETS)
        return self._in(task, Phase.joining)

    def attached(self, task: int, app: AppSpec = APP, **fields: Any) -> TaskRow:
        """A task that follows another one, of number 100 and more, which is launched."""
        leader = 100 + task
        self.launched(leader, app)
        self.preparing(task, app, **fields)
        self.handle(Attached(TaskId(task), TaskId(leader)))
        return self._in(task, Phase.attached)

    def remembering(self, task: int, app: AppSpec = APP, **fields: Any) -> TaskRow:
        """A task with the key "key" whose result, "value", has yet to be acknowledged."""
        self.launched(task, app, **fields)
        self.rows[task].key = "key"
        before, self.machine.remember_first = self.machine.remember_first, True
        self.succeed(task)
        self.machine.remember_first = before
        return self._in(task, Phase.remembering)

    def ended(self, task: int, phase: Phase) -> TaskRow:
        """A task in a final phase; its row is known to the machine only without garbage collection."""
        if phase is Phase.dep_failed:
            self.waiting(task, depends=(-99,))
            self.handle(DependencyDone(-99, "error"))
        elif phase is Phase.cancelled:
            self.preparing(task)
            self.cancel(task)
        elif phase is Phase.recalled:
            self.preparing(task)
            self.handle(Recalled(TaskId(task), "value"))
        elif phase is Phase.failed:
            self.preparing(task)
            self.fail_preparing(task)
        else:
            self.launched(task)
            self.succeed(task)
        return self._in(task, phase)

    def at(self, phase: Phase, task: int = 1) -> TaskRow:
        """A task in any phase."""
        make: dict[Phase, Callable[[int], TaskRow]] = {
            Phase.waiting: self.waiting,
            Phase.preparing: self.preparing,
            Phase.launched: self.launched,
            Phase.joining: self.joining,
            Phase.attached: self.attached,
            Phase.remembering: self.remembering,
        }
        return make[phase](task) if phase in make else self.ended(task, phase)

    def _in(self, task: int, phase: Phase) -> TaskRow:
        assert self.phase(task) is phase
        return self.rows[task]


@pytest.fixture
def bench() -> Bench:
    """A machine with the default options, at time 1000."""
    made = Bench()
    made.handle(TimePassed(1000.0))
    return made


@pytest.fixture
def bench_of() -> Callable[..., Bench]:
    """Makes machines with other options."""
    return Bench
