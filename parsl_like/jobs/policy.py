"""Scaling policies: how many blocks an executor should have, as pure functions.

How many are wanted is Parsl's rule (its user guide, "Elasticity"): for each task that runs or could run there shall be
``parallelism`` slots, at least one block while there is any task, never fewer than ``min_blocks``, never more than
``max_blocks``. What is missing is asked for in one decision.

A block is idle when its managers run and hold nothing, or when it waits to start while there is no task at all. One
that is about to end by itself is no longer counted. Tasks that no connected block will take in the time it has left
need blocks that have not begun yet; where the maximum leaves no room for those, idle blocks make it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from parsl_like.core.limits import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ids import BlockId
    from parsl_like.core.limits import BlockLimits, ExecutorLoad


EXCHANGE_AFTER_S = 5.0
"""How long a block must have been idle before it makes room for one that lives longer: a task may be on its way."""


class ScalingPolicy(Protocol):
    """What ``Config(strategy=...)`` names."""

    def __call__(
        self,
        limits: BlockLimits,
        load: ExecutorLoad,
        *,
        live_blocks: Sequence[BlockId],
        now: float,
        max_idle: float,
        idle_since: Mapping[BlockId, float],
    ) -> Decision:
        """What to do.

        Args:
            limits: How many blocks there may be.
            load: What there is to do and to do it with.
            live_blocks: Blocks that run or wait to start, are not being ended, and are not about to end by themselves.
            now: Monotonic seconds.
            max_idle: Seconds of idleness after which a block is not needed.
            idle_since: What the previous decision said about idle blocks.
        """
        ...


def none(
    limits: BlockLimits,
    load: ExecutorLoad,
    *,
    live_blocks: Sequence[BlockId],
    now: float,
    max_idle: float,
    idle_since: Mapping[BlockId, float],
) -> Decision:
    """Never changes the number of blocks because of the load.

    Only when there are tasks, no block and no worker at all, because those there were have ended, are the initial
    blocks replaced: otherwise the tasks would wait for ever.
    """
    del now, max_idle, idle_since
    if load.outstanding and not live_blocks and not load.slots:
        wanted = min(limits.maximum, max(limits.init, limits.minimum, 1))
        return Decision(scale_out=wanted, reason=f"tasks wait and no block is left: {wanted} started again")
    return Decision(reason="the number of blocks is fixed")


def simple(
    limits: BlockLimits,
    load: ExecutorLoad,
    *,
    live_blocks: Sequence[BlockId],
    now: float,
    max_idle: float,
    idle_since: Mapping[BlockId, float],
) -> Decision:
    """Adds blocks as the load grows; gives all but the minimum back once everything has been idle for ``max_idle``."""
    idle = _idle(load, live_blocks, now, idle_since)
    missing = _missing(limits, load, live_blocks)
    if missing > 0:
        return _scale_out(limits, load, live_blocks, missing, idle)
    if spent := _spent(limits, load, live_blocks, idle, now):
        return _exchange(load, spent, idle)
    resting = bool(idle) and len(idle) == len(live_blocks) and now - max(idle.values()) >= max_idle
    if missing < 0 and resting and not load.outstanding:
        ended = _longest_idle(idle)[:-missing]
        reason = f"nothing to do for {max_idle:g} s: {len(ended)} of {len(live_blocks)} blocks ended"
        return Decision(scale_in=ended, idle_since=idle, reason=reason)
    return Decision(idle_since=idle, reason=_content(limits, load, live_blocks))


def htex_auto_scale(
    limits: BlockLimits,
    load: ExecutorLoad,
    *,
    live_blocks: Sequence[BlockId],
    now: float,
    max_idle: float,
    idle_since: Mapping[BlockId, float],
) -> Decision:
    """Adds blocks as the load grows; gives back each one too many that has been idle for ``max_idle``.

    Those that have been idle longest go first. Blocks that work are left alone, however many there are.
    """
    idle = _idle(load, live_blocks, now, idle_since)
    missing = _missing(limits, load, live_blocks)
    if missing > 0:
        return _scale_out(limits, load, live_blocks, missing, idle)
    if spent := _spent(limits, load, live_blocks, idle, now):
        return _exchange(load, spent, idle)
    ripe = [block for block in _longest_idle(idle) if now - idle[block] >= max_idle]
    if ended := tuple(ripe[:-missing]):
        reason = f"{len(ended)} of {len(live_blocks)} blocks not needed and idle for {max_idle:g} s"
        return Decision(scale_in=ended, idle_since=idle, reason=reason)
    return Decision(idle_since=idle, reason=_content(limits, load, live_blocks))


def _wanted(limits: BlockLimits, load: ExecutorLoad) -> int:
    """How many blocks there should be."""
    wanted = 0
    if load.outstanding and load.slots_per_block < 1:
        wanted = 1  # how much a block can do is not known before the first one has connected
    elif load.outstanding:
        wanted = max(1, math.ceil(load.outstanding * limits.parallelism / load.slots_per_block))
    return min(limits.maximum, max(limits.minimum, wanted))


def _missing(limits: BlockLimits, load: ExecutorLoad, live_blocks: Sequence[BlockId]) -> int:
    """How many blocks are to be added; negative for those there are too many."""
    missing = _wanted(limits, load) - len(live_blocks)
    fresh = _fresh(limits, load, live_blocks)
    return max(missing, min(fresh, limits.maximum - len(live_blocks))) if fresh > 0 else missing


def _fresh(limits: BlockLimits, load: ExecutorLoad, live_blocks: Sequence[BlockId]) -> int:
    """How many more blocks would have to begin for tasks that no connected block will take any more."""
    if not load.stranded:
        return 0
    needed = max(1, math.ceil(load.stranded * limits.parallelism / max(1, load.slots_per_block)))
    return needed - len(set(live_blocks).difference(load.connected))


def _spent(
    limits: BlockLimits,
    load: ExecutorLoad,
    live_blocks: Sequence[BlockId],
    idle: Mapping[BlockId, float],
    now: float,
) -> tuple[BlockId, ...]:
    """Blocks that can do nothing more for the tasks there are, and stand in the way of some that could."""
    fresh = _fresh(limits, load, live_blocks)
    if fresh <= 0 or len(live_blocks) < limits.maximum:
        return ()
    rested = (block for block in _longest_idle(idle) if now - idle[block] >= EXCHANGE_AFTER_S)
    return tuple(block for block in rested if block in load.connected)[:fresh]


def _exchange(load: ExecutorLoad, spent: tuple[BlockId, ...], idle: dict[BlockId, float]) -> Decision:
    reason = f"{load.stranded} tasks need longer than any block has left: {len(spent)} idle blocks make room for others"
    return Decision(scale_in=spent, idle_since=idle, reason=reason)


def _idle(
    load: ExecutorLoad, live_blocks: Sequence[BlockId], now: float, idle_since: Mapping[BlockId, float]
) -> dict[BlockId, float]:
    """Since when each idle block has been idle."""
    resting = set(load.idle_blocks)
    if not load.outstanding:
        resting.update(set(live_blocks).difference(load.connected))
    return {block: idle_since.get(block, now) for block in live_blocks if block in resting}


def _longest_idle(idle: Mapping[BlockId, float]) -> tuple[BlockId, ...]:
    return tuple(sorted(idle, key=lambda block: idle[block]))


def _scale_out(
    limits: BlockLimits, load: ExecutorLoad, live_blocks: Sequence[BlockId], count: int, idle: dict[BlockId, float]
) -> Decision:
    stranded = f", {load.stranded} tasks need longer than any block has left" if load.stranded else ""
    reason = (
        f"{load.outstanding} tasks, {len(live_blocks)} blocks of {load.slots_per_block} slots, "
        f"parallelism {limits.parallelism:g}, {limits.minimum} to {limits.maximum} blocks{stranded}: {count} more"
    )
    return Decision(scale_out=count, idle_since=idle, reason=reason)


def _content(limits: BlockLimits, load: ExecutorLoad, live_blocks: Sequence[BlockId]) -> str:
    """Why nothing is to be done, in words without figures, so that the same reason is the same text."""
    if not load.outstanding:
        return "no task waits or runs"
    if len(live_blocks) >= limits.maximum:
        return "there are as many blocks as there may be"
    return "the blocks suffice for the tasks"
