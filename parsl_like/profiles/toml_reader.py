"""TOML as nodes with their places."""

from __future__ import annotations

import datetime
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from parsl_like.profiles.nodes import TOO_DEEP, Node, Place, ProfileError
from parsl_like.profiles.toml_lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.profiles.toml_lines import Path

_LINE: Final = re.compile(r"\(at line (\d+), column (\d+)\)")

_NAMED: Final = re.compile(r"([\w-]+)\s*=\s*$")
_PYTHON: Final = re.compile(r"(?:True|False|None)\b|(?:\w+\.)*(?P<kind>[A-Za-z_]\w*)\(\s*(?P<arguments>.?)")
_CONSTANTS: Final = {"True": "true", "False": "false", "None": '{ type = "none" }'}


def read_toml(text: str, file: str) -> Node:
    """A document's top-level table.

    Args:
        text: The document.
        file: What to call it in messages.

    Raises:
        ProfileError: it is no TOML, or holds a date or a time, which no configuration has.
    """
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        number = int(found.group(1)) if found else text.rstrip().count("\n") + 1
        hint = _python_value(text.split("\n")[number - 1], int(found.group(2))) if found else None
        raise ProfileError(Place(file, number), f"this is no TOML: {error}.", hint=hint) from error
    except RecursionError as error:
        raise ProfileError(Place(file), TOO_DEEP) from error
    return _node(document, (), lines_of(text), Place(file))


def _python_value(line: str, column: int) -> str | None:
    """What to write in place of a value that is written as in Python; None if what stands there is none.

    Args:
        line: The line that TOML does not allow.
        column: Where in it, counted from 1.
    """
    named, value = _NAMED.search(line[: column - 1]), _PYTHON.match(line[column - 1 :])
    if named is None or value is None:
        return None
    if value[0] in _CONSTANTS:
        return f"write {named[1]} = {_CONSTANTS[value[0]]}"
    more = "" if value["arguments"] == ")" else ", and its arguments beside its type"
    return f'write {named[1]} = {{ type = "{value["kind"]}" }}{more}'


def _node(value: Any, path: Path, lines: Mapping[Path, int], above: Place) -> Node:
    place = Place(above.file, lines.get(path, above.line))
    if isinstance(value, dict):
        return Node({key: _node(part, (*path, key), lines, place) for key, part in value.items()}, place)
    if isinstance(value, list):
        return Node([_node(part, (*path, index), lines, place) for index, part in enumerate(value)], place)
    if isinstance(value, datetime.date | datetime.time):
        raise ProfileError(
            place, f"{path[-1]} is a date or a time, as TOML reads it.", hint=f'put it in quotes: "{value}".'
        )
    return Node(value, place)
