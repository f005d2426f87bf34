"""Executors: where tasks run. Names are resolved at their first use, so a worker never loads the submit side."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor
    from parsl_like.executors.threads import ThreadPoolExecutor

__all__ = ["HighThroughputExecutor", "ThreadPoolExecutor"]

_HOMES: Final = {
    "HighThroughputExecutor": "parsl_like.executors.high_throughput.description",
    "ThreadPoolExecutor": "parsl_like.executors.threads",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        return value
