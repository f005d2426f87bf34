"""What a node's dispatch is told, and what it wants done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from parsl_like.executors.high_throughput.protocol import TaskItem

# --- events


@dataclass(frozen=True, slots=True)
class TasksArrived:
    """Attempts that the node did not hold yet, and the buffers they count, in their order."""

    items: Sequence[TaskItem]
    now: float
    buffers: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker has started and its pipe is empty."""

    worker: int
    now: float


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """A worker is dead; ``started`` is the attempt it had begun and not reported, if there is one."""

    worker: int
    started: int | None
    now: float


@dataclass(frozen=True, slots=True)
class ResultsArrived:
    """A worker has reported attempts, which took so many seconds together."""

    worker: int
    attempts: Sequence[int]
    seconds: float
    now: float


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The answer to TakeBack: what was still unread, in the order in which the worker would have read it."""

    worker: int
    attempts: Sequence[int]
    now: float


@dataclass(frozen=True, slots=True)
class PipeFull:
    """The answer to Give: these, the last ones of it, did not fit into the pipe."""

    worker: int
    attempts: Sequence[int]
    now: float


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Attempts that shall not run, or not go on."""

    attempts: Collection[int]
    now: float


@dataclass(frozen=True, slots=True)
class TimePassed:
    """It is at least as late as ``Dispatch.deadline()``."""

    now: float


Event = TasksArrived | WorkerReady | WorkerGone | ResultsArrived | TakenBack | PipeFull | CancelAsked | TimePassed


# --- effects


@dataclass(frozen=True, slots=True)
class Give:
    """Put attempts into a worker's pipe, in this order; answered by PipeFull if they do not all fit.

    Buffers are given the first time only: what is taken back or did not fit keeps its own.
    """

    worker: int
    items: Sequence[TaskItem]
    buffers: Mapping[int, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take up to ``count`` unread attempts out of a worker's pipe; answered by TakenBack."""

    worker: int
    count: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End a worker because of the attempt it runs; answered by WorkerGone."""

    worker: int
    attempt: int
    reason: Literal["cancelled", "walltime"]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """These were cancelled and are not held any more; they never ran here."""

    attempts: Sequence[int]


Effect = Give | TakeBack | Kill | Withdrawn
