"""Executors: where tasks run. Names are resolved at their first use, so a worker never loads the submit side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor
    from parsl_like.executors.threads import ThreadPoolExecutor

__all__ = ["HighThroughputExecutor", "ThreadPoolExecutor"]

_HOMES: Final = {
    "HighThroughputExecutor": "parsl_like.executors.high_throughput.description",
    "ThreadPoolExecutor": "parsl_like.executors.threads",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
