"""What the controller of an executor's blocks wants done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.jobs.row import BlockRow


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit a block."""

    block: BlockId


@dataclass(frozen=True, slots=True)
class Drain:
    """Let blocks' managers take nothing new."""

    blocks: tuple[BlockId, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask the batch system to end jobs."""

    jobs: tuple[JobId, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """Tell the executor that a block is over."""

    block: BlockId
    reason: str


@dataclass(frozen=True, slots=True)
class Condemn:
    """Fail the executor: no block can be had.

    Attributes:
        reason: Why, in words.
        row: The block whose output explains it; None if no job was ever started.
    """

    reason: str
    row: BlockRow | None


@dataclass(frozen=True, slots=True)
class Note:
    """Leave a record."""

    kind: str
    subject: str
    fields: Mapping[str, Any]


Effect = Submit | Drain | Cancel | Ended | Condemn | Note
