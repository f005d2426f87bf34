"""Launchers: how a block's command is started on the block's nodes. Each is one file; names are resolved when used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.launchers.base import Launcher
    from parsl_like.launchers.simple import SimpleLauncher
    from parsl_like.launchers.single_node import SingleNodeLauncher
    from parsl_like.launchers.wrapped import WrappedLauncher

__all__ = ["Launcher", "SimpleLauncher", "SingleNodeLauncher", "WrappedLauncher"]

_HOMES: Final = {
    "Launcher": "parsl_like.launchers.base",
    "SimpleLauncher": "parsl_like.launchers.simple",
    "SingleNodeLauncher": "parsl_like.launchers.single_node",
    "WrappedLauncher": "parsl_like.launchers.wrapped",
}


@hookimpl
def parsl_like_launcher_types() -> Mapping[str, type[Launcher]]:
    """Every launcher of this package, by the name of its class."""
    return {name: getattr(importlib.import_module(home), name) for name, home in _HOMES.items() if name != "Launcher"}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        return value
