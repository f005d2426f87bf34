"""Records of what happens in a run: gathered by one thread (``recorder``), written to sinks (``sinks``).

``hub`` is what a user says of it, ``radios`` how measurements come back from nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.monitoring.hub import MonitoringHub

__all__ = ["MonitoringHub"]

_HOMES: Final = {"MonitoringHub": "parsl_like.monitoring.hub"}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
