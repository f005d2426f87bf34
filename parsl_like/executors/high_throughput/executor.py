"""The high-throughput executor, at the path where Parsl has it."""

from __future__ import annotations

from parsl_like.executors.high_throughput.description import HighThroughputExecutor

__all__ = ["HighThroughputExecutor"]
