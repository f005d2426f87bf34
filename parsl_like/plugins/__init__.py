"""Plugins: how providers, launchers, channels, executors, sinks and commands reach a run.

A plugin is a module, or an object, with functions marked by :data:`hookimpl`; ``hookspecs`` is its manual. Write
``from parsl_like.plugins import hookimpl`` in a plugin; nothing else of this package is needed there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.plugins.manager import PluginManager
    from parsl_like.plugins.markers import hookimpl
    from parsl_like.plugins.registry import PluginInfo

__all__ = ["PluginInfo", "PluginManager", "hookimpl"]

_HOMES: Final = {
    "hookimpl": "parsl_like.plugins.markers",
    "PluginInfo": "parsl_like.plugins.registry",
    "PluginManager": "parsl_like.plugins.manager",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
