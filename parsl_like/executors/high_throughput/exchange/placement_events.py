"""What the placement machine hears, and what it asks for: one object per batch, never one per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from parsl_like.executors.high_throughput.protocol import Function, Message, TaskItem

Buffers = Mapping[int, Sequence[Any]]


# --- events; ``now`` is in monotonic seconds


class FromDriver(Struct, frozen=True):
    """The driver said something; ``buffers`` are the frames that followed."""

    message: Any
    buffers: Sequence[Any] = ()


class FromManager(Struct, frozen=True):
    """A manager said something, on whichever link."""

    now: float
    manager: bytes
    message: Any


class LinkOpened(Struct, frozen=True):
    """A connection of a manager was made, for the first time or again."""

    now: float
    manager: bytes
    link: Literal["data", "control"]


class ManagerEnded(Struct, frozen=True):
    """The process of a manager is gone, and everything has been told that it had said."""

    manager: bytes
    now: float = 0.0


class Untold(Struct, frozen=True):
    """A manager was to be told something, and its control link is down."""

    manager: bytes


class Undelivered(Struct, frozen=True):
    """What was given to a manager could not be sent: its data link is down."""

    manager: bytes
    items: Sequence[TaskItem]
    buffers: Buffers


class TurnEnded(Struct, frozen=True):
    """Everything that had come has been told; wanted at the latest when ``PlacementMachine.deadline()`` says."""

    now: float


Event = FromDriver | FromManager | LinkOpened | ManagerEnded | Untold | Undelivered | TurnEnded


# --- effects


class Give(Struct, frozen=True):
    """Send over a manager's data link: functions, then attempts.

    Attributes:
        manager: To whom.
        functions: What it needs first.
        items: The attempts, in order.
        buffers: Their buffers, by attempt.
        acknowledged: Number of the last of its result batches that has arrived, 0 for no news of that.
    """

    manager: bytes
    functions: Sequence[Function]
    items: Sequence[TaskItem]
    buffers: Buffers
    acknowledged: int = 0


class Tell(Struct, frozen=True):
    """Send a message over a manager's control link."""

    manager: bytes
    message: Message


class Report(Struct, frozen=True):
    """Send a message to the driver."""

    message: Message
    link: Literal["data", "control"] = "control"


Effect = Give | Tell | Report
