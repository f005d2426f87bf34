"""Parsl 1.2's path of how blocks are scaled: made from a kernel, whose configuration says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.jobs.strategy import Strategy as StrategyOfJobs

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel

__all__ = ["Strategy"]


class Strategy(StrategyOfJobs):
    """What a kernel's configuration says of scaling, with the policy of that name.

    Args:
        dfk: The kernel.
    """

    def __init__(self, dfk: DataFlowKernel) -> None:
        super().__init__(strategy=dfk.config.strategy, max_idletime=dfk.config.max_idletime)
