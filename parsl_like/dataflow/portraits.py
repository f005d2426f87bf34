"""Descriptions as plain data that JSON can hold, and back: for files that another program reads.

Unlike a pickle, reading one runs nothing: classes are looked up among those that plugins know by name.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import re
import types
import warnings
from typing import TYPE_CHECKING, Any

from parsl_like.errors import ConfigurationError
from parsl_like.monitoring.plain import DEEPEST, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (bool, int, str, type(None))


def portrait(value: object, depth: int = DEEPEST) -> Any:
    """Plain data that is equal for equal values, in whatever process; fields that are never printed are left out.

    Never raises on account of a user's class.

    Args:
        value: A description, or anything that may stand in one. What is neither a description nor a plain value is
            told apart by its type and its repr only.
        depth: Levels of nesting to show; what lies deeper is told apart by its repr.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": repr(value)}
    if depth and isinstance(value, list | tuple | set | frozenset | dict):
        return _contents(value, depth - 1)
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if depth and dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"class": _name(type(value)), "fields": _fields(value, depth - 1)}
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return {"object": f"{value.__module__}.{value.__qualname__}"}
    return {"object": _name(type(value)), "repr": _ADDRESS.sub("", said(value))}


def _contents(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {"items": sorted(([portrait(k, depth), portrait(v, depth)] for k, v in value.items()), key=_text)}
    items = [portrait(item, depth) for item in value]
    return {"set": sorted(items, key=_text)} if isinstance(value, set | frozenset) else items


def _fields(value: Any, depth: int) -> dict[str, Any]:
    shown = [field.name for field in dataclasses.fields(value) if field.init and field.repr]
    # A user's class may never have called the constructor of the one it derives from.
    return {name: portrait(getattr(value, name, None), depth) for name in shown if not name.startswith("_")}


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _text(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True)


class _Unknown(Exception):
    """What a value was cannot be told from its portrait."""


def restored(plain: Any, classes: Iterable[type]) -> Any:
    """The description that a portrait shows; fields whose values cannot be told from it have their defaults.

    Args:
        plain: What :func:`portrait` gave, perhaps read from a file.
        classes: Classes that it may be of, and that may be in it.

    Raises:
        ConfigurationError: it is of another class, or of none, or has fields that the class does not take.
    """
    known = {_name(cls): cls for cls in classes}
    try:
        return _restored(plain, known)
    except _Unknown as error:
        raise ConfigurationError(f"A description cannot be read from a file: {error}.") from error


def _restored(plain: Any, known: Mapping[str, type]) -> Any:
    if isinstance(plain, (*_PLAIN, float)):
        return plain
    if isinstance(plain, list):
        return [_restored(item, known) for item in plain]
    if not isinstance(plain, dict):
        raise _Unknown(f"it holds a {type(plain).__name__}")
    if set(plain) == {"class", "fields"} and isinstance(plain["fields"], dict):
        return _made(str(plain["class"]), plain["fields"], known)
    if set(plain) == {"number"} and plain["number"] in ("inf", "-inf", "nan"):
        return float(plain["number"])
    if set(plain) == {"items"} and isinstance(plain["items"], list):
        return {_restored(pair[0], known): _restored(pair[1], known) for pair in plain["items"]}
    raise _Unknown(f"{plain.get('object', 'something')} is an object of a program's own")


def _made(name: str, fields: Mapping[str, Any], known: Mapping[str, type]) -> Any:
    cls = known.get(name)
    if cls is None:
        raise _Unknown(f"{name} is a class that no plugin knows")
    taken: dict[str, Any] = {}
    for field, plain in fields.items():
        try:
            taken[field] = _restored(plain, known)
        except _Unknown:  # a user's function as a launcher, say: for asking and cancelling nobody needs it
            continue
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old names: whoever wrote them has been told
            return cls(**taken)
    except (TypeError, ValueError) as error:
        raise _Unknown(f"{name} does not take what is there for it ({error})") from error
