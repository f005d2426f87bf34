"""Providers: where blocks of workers come from. Each is one module; names are resolved when used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.local import LocalProvider

__all__ = ["ExecutionProvider", "LocalProvider"]

_HOMES: Final = {
    "ExecutionProvider": "parsl_like.providers.base",
    "LocalProvider": "parsl_like.providers.local",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        return value
