"""What a node's dispatch is told, and what it wants done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from parsl_like.executors.high_throughput.protocol import TaskItem

# --- events


class TasksArrived(Struct, frozen=True):
    """Attempts that the node did not hold yet, and the buffers they count, in their order."""

    items: Sequence[TaskItem]
    now: float
    buffers: Sequence[Any] = ()


class WorkerReady(Struct, frozen=True):
    """A worker has started and its pipe is empty."""

    worker: int
    now: float


class WorkerGone(Struct, frozen=True):
    """A worker is dead; ``started`` is the attempt it had begun and not reported, if there is one."""

    worker: int
    started: int | None
    now: float


class ResultsArrived(Struct, frozen=True):
    """A worker has reported attempts, which took so many seconds together."""

    worker: int
    attempts: Sequence[int]
    seconds: float
    now: float


class TakenBack(Struct, frozen=True):
    """The answer to TakeBack: what was still unread, in the order in which the worker would have read it."""

    worker: int
    attempts: Sequence[int]
    now: float


class PipeFull(Struct, frozen=True):
    """The answer to Give: these, the last ones of it, did not fit into the pipe."""

    worker: int
    attempts: Sequence[int]
    now: float


class CancelAsked(Struct, frozen=True):
    """Attempts that shall not run, or not go on."""

    attempts: Collection[int]
    now: float


class TimePassed(Struct, frozen=True):
    """It is at least as late as ``Dispatch.deadline()``."""

    now: float


class NothingNew(Struct, frozen=True):
    """The node takes nothing more: what no worker has is to go back."""

    now: float


Event = (
    TasksArrived
    | WorkerReady
    | WorkerGone
    | ResultsArrived
    | TakenBack
    | PipeFull
    | CancelAsked
    | TimePassed
    | NothingNew
)


# --- effects


class Give(Struct, frozen=True):
    """Put attempts into a worker's pipe, in this order; answered by PipeFull if they do not all fit.

    Buffers are given the first time only: what is taken back or did not fit keeps its own.
    """

    worker: int
    items: Sequence[TaskItem]
    buffers: Mapping[int, Sequence[Any]] = {}


class TakeBack(Struct, frozen=True):
    """Take up to ``count`` unread attempts out of a worker's pipe; answered by TakenBack."""

    worker: int
    count: int


class Kill(Struct, frozen=True):
    """End a worker because of the attempt it runs; answered by WorkerGone."""

    worker: int
    attempt: int
    reason: Literal["cancelled", "walltime"]


class Withdrawn(Struct, frozen=True):
    """These were cancelled and are not held any more; they never ran here."""

    attempts: Sequence[int]


class Returned(Struct, frozen=True):
    """These are not held any more, and never ran here: the node has no time for them."""

    attempts: Sequence[int]


Effect = Give | TakeBack | Kill | Withdrawn | Returned
