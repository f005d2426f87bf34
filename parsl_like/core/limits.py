"""Numbers a scaling policy works with, and what it decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.core.ids import BlockId, ExecutorLabel


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """How many blocks a provider may hold.

    Attributes:
        init: Blocks to start with.
        minimum: Never fewer than this many.
        maximum: Never more than this many.
        parallelism: Slots wanted per outstanding task, from 0 to 1 (Parsl's meaning).
        nodes_per_block: Nodes in each block.
    """

    init: int
    minimum: int
    maximum: int
    parallelism: float = 1.0
    nodes_per_block: int = 1


@dataclass(frozen=True, slots=True)
class ExecutorLoad:
    """What an executor has to do and to do it with, at one moment.

    Attributes:
        label: The executor.
        outstanding: Tasks submitted and not yet finished.
        slots: Tasks that connected workers can run at once.
        slots_per_block: Tasks that one block runs at once; at least 1.
        connected: Blocks with at least one connected manager.
        idle_blocks: Connected blocks that run and hold nothing.
        stranded: Waiting tasks that no connected block will take any more, as each is about to end, or ends before they
            would; a fresh block would take them.
        draining: Connected blocks that take nothing new because they are about to end; their slots do not count.
        worked: Connected blocks that have finished a task; None from an executor that does not tell.
    """

    label: ExecutorLabel
    outstanding: int
    slots: int
    slots_per_block: int = 1
    connected: tuple[BlockId, ...] = ()
    idle_blocks: tuple[BlockId, ...] = ()
    stranded: int = 0
    draining: tuple[BlockId, ...] = ()
    worked: tuple[BlockId, ...] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a scaling policy wants, and why.

    Attributes:
        scale_out: Blocks to add.
        scale_in: Blocks to end, by id.
        idle_since: For each idle block, the monotonic time in seconds since when it is so; handed to the next decision.
        reason: The decision in words, kept as a record.
    """

    scale_out: int = 0
    scale_in: tuple[BlockId, ...] = ()
    idle_since: dict[BlockId, float] = field(default_factory=dict)
    reason: str = ""
