"""What can happen to tasks. Events are the only way in to the machine.

Each typed event has a raw form, a plain ``(code, subject, data)`` tuple, which the hot path uses; the machine
knows only raw events, and tests prove that both forms do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from parsl_like.core.ids import AttemptId, TaskId
    from parsl_like.core.task import TaskRow

RawEvent = tuple[int, int, Any]
Acknowledge = Callable[[list[int]], None]
"""Takes the tasks whose results are as safe as promised; what is to happen to them then is Remembered."""


class EventType(IntEnum):
    """Codes of events; those below ``SUBMITTED`` have an attempt as their subject, the others a task."""

    ATTEMPT_SUCCEEDED = 0
    ATTEMPT_FAILED = 1
    ATTEMPT_LOST = 2
    SUBMITTED = 3
    DEPENDENCY_DONE = 4
    PREPARED = 5
    RECALLED = 6
    DEPENDENCIES_FAILED = 7
    PREPARE_FAILED = 8
    JOIN_DONE = 9
    CANCEL_REQUESTED = 10
    TIME_PASSED = 11
    ATTACHED = 12
    REMEMBERED = 13


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events."""

    code: ClassVar[EventType]

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class TimePassed(Event):
    """The clock of the shell, in seconds since the epoch; later events happen at this time."""

    code = EventType.TIME_PASSED
    now: float

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, 0, self.now)


@dataclass(frozen=True, slots=True)
class Submitted(Event):
    """A new task. ``row.depends`` names what it waits for; ``row.ready`` says that its call is packed already."""

    code = EventType.SUBMITTED
    row: TaskRow

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.row.id, self.row)


@dataclass(frozen=True, slots=True)
class DependencyDone(Event):
    """A foreign future (a negative id, one for each place where it is waited for) has ended; ``name`` is for people."""

    code = EventType.DEPENDENCY_DONE
    dependency: int
    error: Any = None
    name: str = "a future of another kind"

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.dependency, None if self.error is None else (self.name, self.error))


@dataclass(frozen=True, slots=True)
class Prepared(Event):
    """Values are in place and the call is packed: ``call`` is (function, args, kwargs, body, buffers)."""

    code = EventType.PREPARED
    task: TaskId
    call: tuple[Any, Any, Any, Any, Any]

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, self.call)


@dataclass(frozen=True, slots=True)
class Recalled(Event):
    """The result was remembered from an earlier call."""

    code = EventType.RECALLED
    task: TaskId
    value: Any

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, self.value)


@dataclass(frozen=True, slots=True)
class Attached(Event):
    """An equal call is in flight: the task ``to`` runs it, and how that ends is the end of this one."""

    code = EventType.ATTACHED
    task: TaskId
    to: TaskId

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, self.to)


@dataclass(frozen=True, slots=True)
class Remembered(Event):
    """The task's result is kept as safely as was promised, or cannot be: nothing more is waited for."""

    code = EventType.REMEMBERED
    task: TaskId

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, None)


@dataclass(frozen=True, slots=True)
class DependenciesFailed(Event):
    """Putting values in place found failed dependencies: pairs of a name and an error."""

    code = EventType.DEPENDENCIES_FAILED
    task: TaskId
    failed: tuple[tuple[str, Any], ...]

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, self.failed)


@dataclass(frozen=True, slots=True)
class PrepareFailed(Event):
    """Hashing, staging, packing or submission raised."""

    code = EventType.PREPARE_FAILED
    task: TaskId
    error: Any

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, self.error)


@dataclass(frozen=True, slots=True)
class AttemptSucceeded(Event):
    """A try ended well. ``report`` is (started, ended, place) as the worker tells, or None."""

    code = EventType.ATTEMPT_SUCCEEDED
    attempt: AttemptId
    value: Any
    report: tuple[float, float, str] | None = None

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.attempt, (self.value, self.report))


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """A try failed, at a cost that counts against the budget of retries."""

    code = EventType.ATTEMPT_FAILED
    attempt: AttemptId
    error: Any
    cost: float = 1.0
    report: tuple[float, float, str] | None = None

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.attempt, (self.error, self.cost, self.report))


@dataclass(frozen=True, slots=True)
class AttemptLost(Event):
    """The place of a try was lost. If it had ``started`` the loss counts against ``lost_retries``, else it is free."""

    code = EventType.ATTEMPT_LOST
    attempt: AttemptId
    cause: Any
    started: bool = True

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.attempt, (self.cause, self.started))


@dataclass(frozen=True, slots=True)
class JoinDone(Event):
    """All inner futures of a join app have ended: a value, or the error made of those that failed."""

    code = EventType.JOIN_DONE
    task: TaskId
    ok: bool
    value: Any

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, (self.ok, self.value))


@dataclass(frozen=True, slots=True)
class CancelRequested(Event):
    """Somebody does not want the task any more; ``error`` is what its dependents will be told."""

    code = EventType.CANCEL_REQUESTED
    task: TaskId
    error: Any = None

    def raw(self) -> RawEvent:
        """The event as the machine takes it."""
        return (self.code, self.task, self.error)
