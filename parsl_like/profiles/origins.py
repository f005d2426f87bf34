"""Where each value of a configuration was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.core.description import Description
from parsl_like.profiles.arguments import arguments_of, renamed_arguments
from parsl_like.profiles.likeness import difference
from parsl_like.profiles.special import variable_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.profiles.nodes import Node
    from parsl_like.profiles.profile import Found

NOT_SHOWN = "(not shown)"


@dataclass(frozen=True, slots=True)
class Origin:
    """One value.

    Attributes:
        path: Where it stands in the configuration, as a program would write it.
        value: The value, as Python writes it.
        origin: Who said it: a file with its line, a variable of the environment, or the default of a class.
    """

    path: str
    value: str
    origin: str


def origins(found: Found) -> list[Origin]:
    """Every field of a configuration, with who said it.

    Args:
        found: The configuration, and the table it was made from if it was one.
    """
    return list(_fields(found.config, found.node, "", found.origin))


def _fields(value: Any, node: Node | None, path: str, above: str) -> Iterator[Origin]:
    """The fields of a description; ``above`` is who said it as a whole."""
    kind = type(value)
    blank = _blank(kind)
    for argument in arguments_of(kind).values():
        part = getattr(value, argument.name, None)
        said = None if node is None else _said(node, kind, argument.name)
        inner = f"{path}.{argument.name}" if path else argument.name
        if node is not None:
            origin = f"default of {kind.__name__}" if said is None else _who(said)
        else:
            told = blank is None or difference(part, getattr(blank, argument.name, None)) is not None
            origin = above if told else f"default of {kind.__name__}"
        if argument.secret and part is not None:
            yield Origin(inner, NOT_SHOWN, origin)
        else:
            yield from _value(part, said, inner, origin)


def _value(part: Any, said: Node | None, path: str, origin: str) -> Iterator[Origin]:
    if isinstance(part, Description):
        yield Origin(path, type(part).__name__, origin)
        yield from _fields(part, said if said is not None and said.entries else None, path, origin)
    elif isinstance(part, list | tuple) and any(isinstance(one, Description) for one in part):
        members = said.value if said is not None and isinstance(said.value, list) else [None] * len(part)
        for index, one in enumerate(part):
            member = members[index] if index < len(members) else None
            yield from _value(one, member, f"{path}[{index}]", origin if member is None else _who(member))
    else:
        yield Origin(path, repr(part), origin)


def _who(node: Node) -> str:
    variable = variable_of(node)
    return str(node.place) if variable is None else f"${variable} ({node.place})"


def _said(node: Node, kind: type, name: str) -> Node | None:
    """What a table says of an argument, by its name or by an old one."""
    if name in node.entries:
        return node.entries[name]
    for old, new in renamed_arguments(kind).items():
        if old in node.entries and (new == name or (isinstance(new, tuple) and name in new)):
            return node.entries[old]
    return None


def _blank(kind: type) -> Any:
    """What a class makes of nothing; None if it needs something."""
    if any(argument.required for argument in arguments_of(kind).values()):
        return None
    try:
        return kind()
    except Exception:  # noqa: BLE001 - a class of a user's may refuse anything; then all was said
        return None
