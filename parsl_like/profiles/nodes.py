"""Values as they stand in a file: what is said, and where."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

TYPE = "type"
"""The key that says which class, or which kind of value, a table stands for."""

TOO_DEEP = "this is nested too deeply to be meant."


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was said.

    Attributes:
        file: The file, or what stands for one in messages.
        line: The line, counted from 1; None for the file as a whole.
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file.

    Attributes:
        value: Text, a number, True, False or None; a list of nodes; or a dict of nodes by text.
        place: Where it stands; in a table, where its key does.
    """

    value: Any
    place: Place

    @property
    def entries(self) -> dict[str, Node]:
        """The nodes of a table; nothing of any other value."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def type(self) -> str | None:
        """What a table says it stands for; None if it does not say, or is no table."""
        named = self.entries.get(TYPE)
        return named.value if named is not None and isinstance(named.value, str) else None

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class ProfileError(ConfigurationError):
    """A file says something that cannot be meant; the sentence begins with the file and the line.

    Args:
        place: Where it says so.
        sentence: What is wrong.
        hint: What to write instead.

    Attributes:
        file: The file.
        line: The line, counted from 1; None for the file as a whole.
    """

    def __init__(self, place: Place, sentence: str, *, hint: str | None = None) -> None:
        self.file, self.line = place.file, place.line
        super().__init__(f"{place}: {sentence}", hint=hint)


def placed(value: Any, place: Place) -> Node:
    """Plain data as nodes that all stand in one place.

    Args:
        value: Text, numbers, True, False, None, lists and dicts of these.
        place: Where all of it stands.
    """
    if isinstance(value, dict):
        return Node({name: placed(part, place) for name, part in value.items()}, place)
    if isinstance(value, list):
        return Node([placed(part, place) for part in value], place)
    return Node(value, place)


def nearest(name: str, known: Iterable[str]) -> str:
    """What to write in place of a name that nobody knows: the nearest one that is known, or all of them."""
    names = list(known)
    by_case = {known_name.lower(): known_name for known_name in names}
    near = difflib.get_close_matches(name.lower(), by_case, n=1)
    if near:
        return f"did you mean {by_case[near[0]]!r}?"
    return f"known are {', '.join(sorted(names))}." if names else "it takes none."
