"""Providers: where blocks of workers come from. Each is one module; names are resolved when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.local import LocalProvider

__all__ = ["ExecutionProvider", "LocalProvider"]

_HOMES: Final = {
    "ExecutionProvider": "parsl_like.providers.base",
    "LocalProvider": "parsl_like.providers.local",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
