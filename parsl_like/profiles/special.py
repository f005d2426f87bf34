"""Values that TOML and YAML have no notation for: tables whose ``type`` is a small word."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.profiles.nodes import ProfileError, nearest
from parsl_like.profiles.references import resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.profiles.nodes import Node

    Read = Callable[[Node], Any]

ARRAYS: Final = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "text": ("text",),
    "python": ("name",),
    "path": ("path",),
    "bytes": ("base64",),
    "dict": ("items",),
    "env": ("name", "default"),
    **dict.fromkeys(ARRAYS, ("items",)),
}
"""The words, and what each such table says; all of it has to be there, but ``default``."""


def special_value(kind: str, fields: Mapping[str, Node], node: Node, read: Read, environment: Mapping[str, str]) -> Any:
    """What such a table stands for.

    Args:
        kind: Its type.
        fields: What else it says.
        node: The table.
        read: Makes values of nodes within.
        environment: Variables of the environment.

    Raises:
        ProfileError: it says too much or too little, or something that cannot be meant.
    """
    for name, part in fields.items():
        if name not in KINDS[kind]:
            hint = nearest(name, KINDS[kind])
            raise ProfileError(part.place, f"a table of type {kind!r} has no {name!r}.", hint=hint)
    for name in KINDS[kind]:
        if name not in fields and name != "default":
            raise ProfileError(node.place, f"a table of type {kind!r} needs {name!r}.")
    if kind == "none":
        return None
    if kind == "env":
        return _variable(fields, node, environment)
    if kind in ARRAYS or kind == "dict":
        return _container(kind, fields["items"], read)
    return _of_text(kind, next(iter(fields.values())))


def array_of(kind: type, members: list[Any], node: Node) -> Any:
    """Members as a list, a tuple or a set.

    Raises:
        ProfileError: they cannot be members of one.
    """
    try:
        return kind(members)
    except TypeError as error:
        raise ProfileError(node.place, f"this is no {kind.__name__}: {error}.") from error


def variable_of(node: Node) -> str | None:
    """The name of the variable that a node takes its value from; None if it does not."""
    named = node.entries.get("name") if node.type == "env" else None
    return str(named.value) if named is not None else None


def _variable(fields: Mapping[str, Node], node: Node, environment: Mapping[str, str]) -> Any:
    name = fields["name"].value
    if not isinstance(name, str):
        raise ProfileError(fields["name"].place, "the name of a variable is text.")
    if name in environment:
        return environment[name]
    if "default" not in fields:
        raise ProfileError(
            node.place, f"the environment has no variable {name}.", hint=f"export {name}=..., or give a default."
        )
    return fields["default"].plain()


def _container(kind: str, items: Node, read: Read) -> Any:
    if not isinstance(items.value, list):
        raise ProfileError(items.place, "items are a list.")
    if kind != "dict":
        return array_of(ARRAYS[kind], [read(part) for part in items.value], items)
    pairs = {}
    for pair in items.value:
        if not isinstance(pair.value, list) or len(pair.value) != 2:
            raise ProfileError(pair.place, "items of a dict are lists of two, a key and a value.")
        try:
            pairs[read(pair.value[0])] = read(pair.value[1])
        except TypeError as error:
            raise ProfileError(pair.place, f"this is no key of a dict: {error}.") from error
    return pairs


def _of_text(kind: str, node: Node) -> Any:
    text = node.value
    if not isinstance(text, str):
        raise ProfileError(node.place, "expected text here.")
    if kind == "text":
        return text
    if kind == "path":
        return Path(text)
    if kind == "bytes":
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ProfileError(node.place, f"this is no base64: {error}.") from error
    try:
        return resolved(text)
    except ConfigurationError as error:
        raise ProfileError(node.place, str(error.args[0]), hint=error.hint) from error
