"""One profile: what it says itself, and over what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.profiles.decoding import Decoder, decoded
from parsl_like.profiles.encoding import encoded
from parsl_like.profiles.nodes import Node, Place, ProfileError, placed
from parsl_like.profiles.overlay import overlaid, with_listed_executors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.config import Config
    from parsl_like.profiles.catalog import Catalog

EXTENDS: Final = "extends"
ARGUMENTS: Final = "arguments"
DESCRIPTION: Final = "description"
OWN: Final = (EXTENDS, ARGUMENTS, DESCRIPTION)
"""What a profile says beside the arguments of a Config."""


@dataclass(frozen=True, slots=True)
class Found:
    """A configuration that was found by a name.

    Attributes:
        name: The name.
        origin: Where it is from, in words.
        config: The configuration.
        node: The table it was made from, with the place of each part; None if Python made it.
        secrets: What is not told, by the variables that the table names in its place.
    """

    name: str
    origin: str
    config: Config
    node: Node | None = None
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Profile:
    """A profile as it stands in a file.

    Args:
        name: What it is called.
        node: Its table.
        catalog: Classes by name.
        environment: Variables that it may name.

    Raises:
        ProfileError: what it says beside the arguments of a Config cannot be meant.
    """

    def __init__(self, name: str, node: Node, catalog: Catalog, environment: Mapping[str, str]) -> None:
        self._name, self._node = name, node
        self._catalog, self._environment = catalog, environment
        for key in (EXTENDS, DESCRIPTION):
            if key in node.entries and not isinstance(node.entries[key].value, str):
                raise ProfileError(node.entries[key].place, f"{key} is text.")
        if ARGUMENTS in node.entries and self.extends is None:
            place = node.entries[ARGUMENTS].place
            raise ProfileError(place, "arguments are for the configuration that a profile extends; this one has none.")

    @property
    def extends(self) -> str | None:
        """The name of the configuration that it changes; None for none."""
        named = self._node.entries.get(EXTENDS)
        return None if named is None else str(named.value)

    def arguments(self) -> dict[str, Any]:
        """What is given to the function that makes the configuration it extends.

        Raises:
            ProfileError: that cannot be meant.
        """
        node = self._node.entries.get(ARGUMENTS)
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            raise ProfileError(node.place, "arguments are a table of values by name.")
        decoder = Decoder(self._catalog, self._environment)
        return {name: decoder.value(part) for name, part in node.value.items()}

    def place_of_argument(self, name: str) -> Place | None:
        """Where the profile itself says an argument; None if it does not."""
        said = self._node.entries.get(ARGUMENTS)
        return said.entries[name].place if said is not None and name in said.entries else None

    def alone(self) -> Found:
        """What it says, over nothing.

        Raises:
            ProfileError: that cannot be meant.
        """
        return self._found(with_listed_executors(self._changes()), {})

    def over(self, base: Found, unasked: Config | None = None) -> Found:
        """What it says, over what it extends.

        Args:
            base: That.
            unasked: The same, made without arguments; what is different in it was said by the arguments.

        Raises:
            ProfileError: it cannot be meant, or what it extends cannot be changed by a file.
        """
        changes = self._changes()
        if not changes.value:
            return Found(self._name, str(self._node.place), base.config, base.node, base.secrets)
        below, secrets = base.node, base.secrets
        if below is None:
            try:
                told = encoded(base.config, self._catalog)
            except ConfigurationError as error:
                place = self._node.entries[EXTENDS].place
                raise ProfileError(place, f"{base.name} cannot be changed here. {error.args[0]}") from error
            below, secrets = placed(told.table, Place(base.origin)), told.secrets
            if unasked is not None:
                below = _said_by(self._node.entries[ARGUMENTS].place, below, self._table_of(unasked))
        return self._found(overlaid(below, changes, self._catalog), secrets)

    def _table_of(self, config: Config) -> dict[str, Any]:
        try:
            return encoded(config, self._catalog).table
        except ConfigurationError:  # only places depend on it
            return {}

    def _changes(self) -> Node:
        return Node({name: part for name, part in self._node.entries.items() if name not in OWN}, self._node.place)

    def _found(self, node: Node, secrets: Mapping[str, Any]) -> Found:
        config = decoded(node, self._catalog, {**secrets, **self._environment})
        return Found(self._name, str(self._node.place), config, node, secrets)


def _said_by(place: Place, node: Node, other: Any) -> Node:
    """A table in which everything that is not so in another one was said in a certain place."""
    if isinstance(node.value, dict) and isinstance(other, dict):
        return Node({name: _said_by(place, part, other.get(name)) for name, part in node.value.items()}, node.place)
    if isinstance(node.value, list) and isinstance(other, list) and len(node.value) == len(other):
        parts = zip(node.value, other, strict=True)
        return Node([_said_by(place, part, theirs) for part, theirs in parts], node.place)
    return node if node.plain() == other else placed(node.plain(), place)
