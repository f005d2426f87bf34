"""Values that are each user's own: what stands in a description as long as nobody has said them.

A configuration that is made for everybody cannot know whom a job is to be charged to. It has a mark in that place:
plain text, so that it can be compared, printed and written to a file like any other value, and of a form that no batch
system knows for a name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from parsl_like.core.description import Description
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX: Final = "PARSL_LIKE_"
"""What the names of all variables of this package begin with."""

_MARK: Final = re.compile(rf"<([a-z][a-z0-9_]*):({PREFIX}[A-Z][A-Z0-9_]*)>")


@dataclasses.dataclass(frozen=True, slots=True)
class MissingValue:
    """A value that nobody has said.

    Attributes:
        where: Where it stands, as a program would write it: ``executors[0].provider.account``.
        name: What it is called: ``account``.
        variable: The variable of the environment that would say it: ``PARSL_LIKE_ACCOUNT``.
    """

    where: str
    name: str
    variable: str

    def __str__(self) -> str:
        """What is missing and what says it, in a sentence."""
        return f"{self.where} is your own {self.name}, and nobody has said it: set {self.variable}, for instance."


def variable_of(name: str) -> str:
    """The variable of the environment that says a value: ``PARSL_LIKE_ACCOUNT`` for ``account``."""
    return f"{PREFIX}{name.upper()}"


def missing_mark(name: str) -> str:
    """The text that stands in the place of a value that nobody has said.

    Args:
        name: What the value is called, in small letters.
    """
    return f"<{name}:{variable_of(name)}>"


def missing_values(whole: object) -> list[MissingValue]:
    """Every mark in a description, in the order of its fields; empty if all is said.

    Args:
        whole: A description, or a list, tuple or dict; in anything else nothing is looked for.
    """
    return [
        MissingValue(where, name, variable)
        for where, text in _texts(whole, "", set())
        for name, variable in _MARK.findall(text)
    ]


def refuse_missing(whole: object) -> None:
    """Refuse to start a run with values that nobody has said.

    Args:
        whole: The Config of a run, or the description of one executor.

    Raises:
        ConfigurationError: naming all of them, where they stand, and what says them.
    """
    found = missing_values(whole)
    if found:
        places = ", ".join(value.where for value in found)
        names = " and ".join(dict.fromkeys(value.name for value in found))
        variables = " and ".join(dict.fromkeys(value.variable for value in found))
        raise ConfigurationError(
            f"Your own {names} must be said: {places}. Nothing was started.",
            hint=f"set {variables}, or say {names} in your profile or to fresh_config.",
        )


def _texts(part: object, where: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Every text in public fields and plain containers, with its place; what holds itself is looked at once."""
    if isinstance(part, str):
        yield where, part
        return
    if id(part) in seen:
        return
    seen.add(id(part))
    held: list[tuple[str, object]] = []
    if isinstance(part, Description):
        prefix = f"{where}." if where else ""
        held = [(f"{prefix}{name}", value) for name, value in vars(part).items() if not name.startswith("_")]
    elif isinstance(part, Mapping):
        held = [(f"{where}[{key!r}]", value) for key, value in part.items()]
    elif isinstance(part, list | tuple):
        held = [(f"{where}[{number}]", value) for number, value in enumerate(part)]
    for place, value in held:
        yield from _texts(value, place, seen)
