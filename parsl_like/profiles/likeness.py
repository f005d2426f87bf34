"""Whether two values are the same in everything that a file could have changed, and where they first differ."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import types
from typing import TYPE_CHECKING, Any, Final

from parsl_like.core.description import Description

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOLE: Final = (
    *(str, bytes, bytearray, int, float, complex, set, frozenset, type, enum.Enum, functools.partial),
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType),
)
"""What compares by itself."""


def difference(one: Any, other: Any, path: str = "") -> str | None:
    """The path of the first part that differs, in type or in value; None if all is the same.

    Args:
        one: A value.
        other: Another.
        path: Where both stand.
    """
    if one is other:
        return None
    if type(one) is not type(other):
        return path
    if isinstance(one, float) and math.isnan(one) and math.isnan(other):
        return None
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return path
        return _first({f"{path}[{index}]": pair for index, pair in enumerate(zip(one, other, strict=True))})
    if isinstance(one, dict):
        mine, theirs = {f"{path}[{key!r}]": one[key] for key in one}, {f"{path}[{key!r}]": other[key] for key in other}
    else:
        mine, theirs = ({f"{path}.{name}": part for name, part in _state(value).items()} for value in (one, other))
        if not mine and not theirs:
            return None if one == other or (not isinstance(one, _WHOLE) and _has_state(one)) else path
    if mine.keys() != theirs.keys():
        return path
    return _first({name: (mine[name], theirs[name]) for name in mine})


def _state(value: Any) -> Mapping[str, Any]:
    """What an object of a class in Python is made of, by name; nothing for values that compare by themselves."""
    if not _has_state(value):
        return {}
    uncompared = set()
    if dataclasses.is_dataclass(value):
        uncompared = {field.name for field in dataclasses.fields(value) if not field.compare}
    if isinstance(value, Description):
        held = value.__getstate__()
    elif hasattr(value, "__dict__"):
        held = vars(value)
    else:
        held = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {name: part for name, part in held.items() if name not in uncompared}


def _has_state(value: Any) -> bool:
    return not isinstance(value, _WHOLE) and (hasattr(value, "__dict__") or dataclasses.is_dataclass(value))


def _first(pairs: Mapping[str, tuple[Any, Any]]) -> str | None:
    for path, (one, other) in pairs.items():
        if (found := difference(one, other, path)) is not None:
            return found
    return None
