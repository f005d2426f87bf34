"""Channels: how commands reach the machine where a batch system is. Names are resolved when used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel
    from parsl_like.channels.local import LocalChannel

__all__ = ["Channel", "LocalChannel"]

_HOMES: Final = {
    "Channel": "parsl_like.channels.base",
    "LocalChannel": "parsl_like.channels.local",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        return value
