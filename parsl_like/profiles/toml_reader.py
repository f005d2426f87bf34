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

_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


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
        place = Place(file, int(found.group(1)) if found else text.rstrip().count("\n") + 1)
        raise ProfileError(place, f"this is no TOML: {error}.") from error
    except RecursionError as error:
        raise ProfileError(Place(file), TOO_DEEP) from error
    return _node(document, (), lines_of(text), Place(file))


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
