"""Nodes of a file become descriptions, each refused where it stands if it cannot be meant."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from parsl_like.config import Config
from parsl_like.core.description import Description
from parsl_like.errors import BadLauncher, ConfigurationError, ParslError
from parsl_like.profiles.arguments import arguments_of, renamed_arguments
from parsl_like.profiles.catalog import Catalog
from parsl_like.profiles.nodes import TYPE, ProfileError, nearest
from parsl_like.profiles.references import REFERENCE, resolved
from parsl_like.profiles.shapes import ANY
from parsl_like.profiles.special import KINDS, array_of, special_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.profiles.nodes import Node
    from parsl_like.profiles.shapes import Shape

T = TypeVar("T")


def decoded(node: Node, catalog: Catalog | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration that a table says.

    Args:
        node: The table, its keys being the arguments of a Config.
        catalog: Classes by name; None for one of its own.
        environment: Variables that the table may name; None for those of this process.

    Raises:
        ProfileError: it cannot be meant; names file, line and what would be right.
    """
    if not isinstance(node.value, dict):
        raise ProfileError(node.place, "a configuration is a table of the arguments of a Config.")
    known = Catalog() if catalog is None else catalog
    decoder = Decoder(known, os.environ if environment is None else environment)
    fields = {name: part for name, part in node.value.items() if name != TYPE}
    kind: type[Any] = Config
    if TYPE in node.value:
        kind = at(node.value[TYPE], known.type_named, str(node.type))
        if not issubclass(kind, Config):
            raise ProfileError(node.value[TYPE].place, f"a configuration is no {node.type}.")
    made: Config = decoder.built(kind, fields, node)
    return made


class Decoder:
    """Makes objects of nodes.

    Args:
        catalog: Classes by name.
        environment: Variables that tables may name.
    """

    def __init__(self, catalog: Catalog, environment: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._environment = environment

    def value(self, node: Node, shape: Shape = ANY) -> Any:
        """What a node says in a place of a certain shape.

        Raises:
            ProfileError: it cannot be meant.
        """
        if isinstance(node.value, list):
            members = [self.value(part, shape.item(index)) for index, part in enumerate(node.value)]
            return members if shape.array is list else array_of(shape.array, members, node)
        if isinstance(node.value, dict):
            return self._table(node, shape)
        if isinstance(node.value, str) and shape.named and REFERENCE.fullmatch(node.value):
            return at(node, resolved, node.value)
        return node.value

    def _table(self, node: Node, shape: Shape) -> Any:
        if TYPE not in node.value:
            if not shape.table:
                raise ProfileError(
                    node.place, "this table has no type.", hint="say which class it stands for: type = ..."
                )
            return {name: self.value(part, shape.item(0)) for name, part in node.value.items()}
        if node.type is None:
            raise ProfileError(node.value[TYPE].place, f"{TYPE} says which class a table stands for, by its name.")
        fields = {name: part for name, part in node.value.items() if name != TYPE}
        if node.type in KINDS:
            return special_value(node.type, fields, node, self.value, self._environment)
        kind = at(node.value[TYPE], self._catalog.type_named, node.type)
        return self.built(kind, fields, node)

    def built(self, kind: type[T], fields: Mapping[str, Node], node: Node) -> T:
        """An object of a class.

        Args:
            kind: The class.
            fields: Its arguments by name.
            node: The table that says so.

        Raises:
            ProfileError: an argument does not exist, is missing, or cannot be meant.
        """
        taken = arguments_of(kind)
        for name, part in fields.items():
            if name not in taken and name not in renamed_arguments(kind):
                raise ProfileError(part.place, f"{kind.__name__} has no {name!r}.", hint=nearest(name, taken))
        values = {name: self.value(part, taken[name].shape if name in taken else ANY) for name, part in fields.items()}
        missing = [name for name, argument in taken.items() if argument.required and name not in values]
        missing = [name for name in missing if not any(_becomes(kind, old, name) for old in values)]
        if missing:
            raise ProfileError(node.place, f"{kind.__name__} needs {' and '.join(missing)}.")
        return self._made(kind, values, fields, node)

    def _made(self, kind: type[T], values: dict[str, Any], fields: Mapping[str, Node], node: Node) -> T:
        """An object of a class, checked; what it complains or warns of is told with its place."""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                made = kind(**values)
                if isinstance(made, Description):
                    made.check()
            except ProfileError:
                raise
            except ParslError as error:
                wrong = fields.get(_field_of(error), node)
                raise ProfileError(wrong.place, _sentence(error), hint=self._as_table(wrong) or error.hint) from error
            except Exception as error:  # a class of a user's or of a plugin; they need to know which, and what it said
                raise ProfileError(node.place, f"{kind.__name__}: {type(error).__name__}: {error}.") from error
        for warning in told:
            warnings.warn_explicit(warning.message, warning.category, node.place.file, node.place.line or 1)
        return made

    def _as_table(self, wrong: Node) -> str | None:
        """What to write in place of a class's name that stands alone; None if that is not what is wrong."""
        if not isinstance(wrong.value, str) or ":" in wrong.value:
            return None
        name = wrong.value.strip().removesuffix("()")
        try:
            self._catalog.type_named(name)
        except ParslError:
            return None
        is_yaml = wrong.place.file.endswith((".yaml", ".yml"))
        return f"write {{ type: {name} }}" if is_yaml else f'write {{ type = "{name}" }}'


def at(node: Node, ask: Any, *arguments: Any) -> Any:
    """What a function gives; its complaint is about a node.

    Raises:
        ProfileError: in place of any other error about the configuration.
    """
    try:
        return ask(*arguments)
    except ProfileError:
        raise
    except ConfigurationError as error:
        raise ProfileError(node.place, _sentence(error), hint=error.hint) from error


def _field_of(error: ParslError) -> str:
    """The name of the field that an error is about; "" if it does not say."""
    if isinstance(error, BadLauncher):
        return "launcher"
    return str(getattr(error, "field", "")).rpartition(".")[2]


def _sentence(error: ParslError) -> str:
    """What an error says, without its hint."""
    return str(error.args[0]) if error.args else type(error).__name__


def _becomes(kind: type, old: str, name: str) -> bool:
    """Whether an old name of an argument stands for another one."""
    new = renamed_arguments(kind).get(old)
    return name == new or (isinstance(new, tuple) and name in new)
