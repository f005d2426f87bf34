"""What the placement machine hears, and what it asks for: one object per batch, never one per task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.executors.high_throughput.protocol import Function, Message, TaskItem

    Buffers = Mapping[int, Sequence[Any]]


# --- events; ``now`` is in monotonic seconds


@dataclass(frozen=True, slots=True)
class FromDriver:
    """The driver said something; ``buffers`` are the frames that followed."""

    message: Any
    buffers: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class FromManager:
    """A manager said something, on whichever link."""

    now: float
    manager: bytes
    message: Any


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """A connection of a manager was made, for the first time or again."""

    now: float
    manager: bytes
    link: Literal["data", "control"]


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What was given to a manager could not be sent: its data link is down."""

    manager: bytes
    items: Sequence[TaskItem]
    buffers: Buffers


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """Everything that had come has been told; wanted at the latest when ``PlacementMachine.deadline()`` says."""

    now: float


Event = FromDriver | FromManager | LinkOpened | Undelivered | TurnEnded


# --- effects


@dataclass(frozen=True, slots=True)
class Give:
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


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a message over a manager's control link."""

    manager: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class Report:
    """Send a message to the driver."""

    message: Message
    link: Literal["data", "control"] = "control"


Effect = Give | Tell | Report
