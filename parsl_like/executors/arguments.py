"""Arguments of descriptions as programs spell them, at the path where executors and Config look for them."""

from __future__ import annotations

from parsl_like.core.arguments import Renamed, UnknownArgument, spelled

__all__ = ["Renamed", "UnknownArgument", "spelled"]
