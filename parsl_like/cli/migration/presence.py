"""What a name of Parsl is here: the thing itself, or why there is none."""

from __future__ import annotations

import functools
import importlib
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import OptionalModuleMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS: Final = "parsl_like"

GONE: Final = {
    "App": "Parsl had it before 1.0: write @python_app, @bash_app or @join_app, with data_flow_kernel= if need be",
}
"""Names that neither Parsl 1.2 nor today's has, with what replaced them."""


@dataclass(frozen=True)
class Found:
    """What a name leads to.

    Attributes:
        value: The object; None if there is none.
        missing: Why there is none, in words; None if there is one.
    """

    value: Any = None
    missing: str | None = None


def ours(path: str) -> str:
    """The path in this package of a path in Parsl's."""
    return OURS + path.removeprefix("parsl")


@functools.cache
def found(path: str) -> Found:
    """What a dotted name of Parsl is here; attributes of what is no module are not looked at.

    Args:
        path: As in ``parsl.executors.HighThroughputExecutor``.
    """
    value: Any = importlib.import_module(OURS)
    walked = OURS
    for part in path.split(".")[1:]:
        if not isinstance(value, ModuleType):
            return Found(value)
        try:
            value = _member(walked, part)
        except AttributeError:
            return Found(missing=f"{walked} has no {part!r}" + (f"; {GONE[part]}" if part in GONE else ""))
        except (ImportError, OptionalModuleMissing) as error:
            return Found(missing=f"{walked}.{part} cannot be imported here: {error}")
        walked = f"{walked}.{part}"
    return Found(value)


def _member(module: str, name: str) -> Any:
    """An attribute or a sub-module.

    Raises:
        AttributeError: there is neither.
        ImportError: there is one, and it needs what is not installed.
    """
    try:
        return getattr(sys.modules[module], name)
    except AttributeError:
        if not hasattr(sys.modules[module], "__path__"):
            raise
    path = f"{module}.{name}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise AttributeError(path) from None


def old_arguments(value: Any) -> dict[str, str | tuple[str, ...] | None]:
    """Old names of a description's arguments: the new one, those that share a sequence, or None if it has no effect."""
    return dict(getattr(getattr(value, "__init__", None), "renamed", None) or {})


def without_effect(value: Any) -> str | None:
    """What there is instead of a description that is taken and does nothing in this version; None for any other."""
    from parsl_like.monitoring.hub import MonitoringHub

    if value is MonitoringHub:
        return "the records of a run are in records.jsonl in its directory"
    return None


def idle_arguments(value: Any) -> Mapping[str, str]:
    """Arguments of a description that change nothing in this version, each with what happens instead."""
    from parsl_like.providers.base import ExecutionProvider

    if isinstance(value, type) and issubclass(value, ExecutionProvider):
        return {
            "channel": "commands run where the program runs; it can go",
            "move_files": "a block's files are put beside its script; it can go",
        }
    return {}
