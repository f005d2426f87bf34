"""What decides where a scaling policy fails. Pure.

A policy may be a plugin's, and no task is to wait for ever because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.core.limits import Decision
from parsl_like.jobs.policy import simple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ids import BlockId
    from parsl_like.core.limits import BlockLimits, ExecutorLoad
    from parsl_like.jobs.policy import ScalingPolicy


@dataclass(slots=True)
class Fallback:
    """A policy, and ``simple`` in its place whenever it raises or gives what is no decision. Is a policy itself.

    Attributes:
        policy: The one that is asked each time.
        trouble: How it has failed, in words; None if the last decision is its own.
    """

    policy: ScalingPolicy
    trouble: str | None = None

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
        """What to do; never raises."""
        facts = {"live_blocks": live_blocks, "now": now, "max_idle": max_idle, "idle_since": idle_since}
        try:
            decision = _checked(self.policy(limits, load, **facts))  # type: ignore[arg-type]
            self.trouble = None
        except Exception as error:  # noqa: BLE001 - a user's own code
            self.trouble = f"{type(error).__name__}: {error}{_place(error)}"
            decision = simple(limits, load, live_blocks=live_blocks, now=now, max_idle=max_idle, idle_since=idle_since)
        return decision


def _checked(decision: Decision) -> Decision:
    if not isinstance(decision, Decision):
        raise TypeError(f"it gave {decision!r} instead of a Decision")
    return Decision(
        int(decision.scale_out),
        tuple(decision.scale_in),
        {block: float(since) for block, since in decision.idle_since.items()},
        str(decision.reason),
    )


def _place(error: Exception) -> str:
    """Where it was raised, if that was in the policy's code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    if trace is None or code is None or code in (Fallback.__call__.__code__, _checked.__code__):
        return ""
    return f" ({code.co_filename}, line {trace.tb_lineno})"
