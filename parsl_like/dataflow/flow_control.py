"""The timer of Parsl 1.2 and what it used it for, at their path."""

from __future__ import annotations

from typing import Any

from parsl_like.utils import Timer

__all__ = ["FlowControl", "Timer"]


class FlowControl:
    """What Parsl 1.2 decided with when to look at its blocks; accepted, and does nothing.

    A kernel looks at its blocks by itself, as often as ``Config(strategy_period=...)`` says.

    Args:
        dfk: A kernel.
        *args: Not used.
        threshold: Events after which it would look.
        interval: Seconds after which it would look.
    """

    def __init__(self, dfk: Any, *args: Any, threshold: int = 20, interval: float = 5) -> None:
        self.dfk, self.cb_args = dfk, args
        self.threshold, self.interval = threshold, interval

    def notify(self, event_id: Any) -> None:
        """Nothing: the kernel knows."""

    def make_callback(self, kind: str | None = None) -> None:
        """Nothing: the kernel looks at its blocks by itself."""

    def close(self) -> None:
        """Nothing: no thread was started."""
