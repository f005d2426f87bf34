"""Descriptions become plain data that is read back as the same descriptions, which is seen before it is given away."""

from __future__ import annotations

import base64
import itertools
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parsl_like.config import Config
from parsl_like.errors import ConfigurationError
from parsl_like.executors.base import ParslExecutor
from parsl_like.profiles.arguments import arguments_of
from parsl_like.profiles.catalog import Catalog
from parsl_like.profiles.decoding import Decoder
from parsl_like.profiles.likeness import difference
from parsl_like.profiles.nodes import TYPE, Place, placed
from parsl_like.profiles.references import REFERENCE, reference_to
from parsl_like.profiles.shapes import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.profiles.arguments import Argument
    from parsl_like.profiles.shapes import Shape

_HERE = Place("the configuration")


@dataclass(frozen=True)
class Encoded:
    """A configuration as plain data.

    Attributes:
        table: Text, numbers, True, False, None, lists, and dicts with texts as keys.
        secrets: What is not told, by the names of the variables of the environment that the table refers to instead.
    """

    table: dict[str, Any]
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)


def encoded(whole: Any, catalog: Catalog | None = None) -> Encoded:
    """A configuration, or another description, as plain data: what differs from the defaults, and executors' labels.

    Args:
        whole: The description; not one that a run has sealed. All but a Config get a ``type``.
        catalog: Classes by name; None for one of its own.

    Raises:
        ConfigurationError: it holds something that no file can say, like a function that a script has defined, or would
            not be read back the same; names the field.
    """
    known = Catalog() if catalog is None else catalog
    name = type(whole).__name__
    differs: str | None = None
    for everything in (False, True):
        encoder = _Encoder(known, everything=everything)
        table = encoder.described(whole, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is said of old options was said when the configuration was made
            again = Decoder(known, encoder.secrets).value(placed(table, _HERE))
        differs = difference(whole, again, name)
        if differs is None:
            if type(whole) is Config:
                del table[TYPE]
            return Encoded(table, encoder.secrets)
    raise _unsayable(differs or name, "would not be read back the same")


class _Encoder:
    def __init__(self, catalog: Catalog, *, everything: bool) -> None:
        self.secrets: dict[str, Any] = {}
        self._catalog = catalog
        self._everything = everything

    def value(self, value: Any, shape: Shape, path: str) -> Any:
        """A value as plain data, in a field of a certain shape."""
        if value is None or type(value) in (bool, int, float):
            return value
        if type(value) is str:
            return {TYPE: "text", "text": value} if shape.named and REFERENCE.fullmatch(value) else value
        if type(value) in (list, tuple, set, frozenset):
            return self._array(value, shape, path)
        if type(value) is dict:
            return self._dict(value, shape, path)
        if type(value) is bytes:
            return {TYPE: "bytes", "base64": base64.b64encode(value).decode()}
        if type(value) is type(Path()):
            return {TYPE: "path", "path": str(value)}
        if (reference := reference_to(value)) is not None:
            return reference if shape.named else {TYPE: "python", "name": reference}
        return self.described(value, path)

    def described(self, value: Any, path: str) -> dict[str, Any]:
        """An object as the arguments of its class."""
        kind = type(value)
        name = self._catalog.name_of(kind)
        if name is None:
            raise _unsayable(path, f"is {_shown(value)}, which cannot be found again by a name")
        taken = arguments_of(kind)
        if absent := [one for one in taken if not hasattr(value, one)]:
            raise _unsayable(path, f"is {_shown(value)}, which does not keep its argument {absent[0]!r}")
        blank = None if self._everything else _blank(value, taken)
        table: dict[str, Any] = {TYPE: name}
        for argument in taken.values():
            part = getattr(value, argument.name)
            named = argument.name == "label" and isinstance(value, ParslExecutor)
            if named or argument.required or blank is None or _differs(part, blank, argument.name):
                table[argument.name] = self._argument(part, argument, kind, path)
        return table

    def _argument(self, part: Any, argument: Argument, kind: type, path: str) -> Any:
        if argument.secret and part is not None:
            return {TYPE: "env", "name": self._secret(f"{kind.__name__}_{argument.name}".upper(), part)}
        return self.value(part, argument.shape, f"{path}.{argument.name}")

    def _secret(self, name: str, value: Any) -> str:
        """A variable of the environment for what is not told; each secret has its own."""
        names = (name if number == 1 else f"{name}_{number}" for number in itertools.count(1))
        return next(one for one in names if self.secrets.setdefault(one, value) == value)

    def _array(self, value: Any, shape: Shape, path: str) -> Any:
        same = type(value) is shape.array
        ordered = value if isinstance(value, list | tuple) else sorted(value, key=repr)
        items = [
            self.value(part, shape.item(index) if same else ANY, f"{path}[{index}]")
            for index, part in enumerate(ordered)
        ]
        return items if same else {TYPE: type(value).__name__, "items": items}

    def _dict(self, value: dict[Any, Any], shape: Shape, path: str) -> dict[str, Any]:
        if TYPE not in value and all(type(key) is str for key in value):
            return {key: self.value(part, shape.item(0), f"{path}[{key!r}]") for key, part in value.items()}
        pairs = [
            [self.value(key, ANY, f"{path}[{key!r}]"), self.value(part, ANY, f"{path}[{key!r}]")]
            for key, part in value.items()
        ]
        return {TYPE: "dict", "items": pairs}


def _differs(part: Any, blank: Any, name: str) -> bool:
    return difference(part, getattr(blank, name, None)) is not None


def _blank(value: Any, taken: Mapping[str, Argument]) -> Any:
    """An object of the same class to which nothing was said that need not be; None if there can be none."""
    needed = {name: getattr(value, name) for name, argument in taken.items() if argument.required}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return type(value)(**needed)
        except Exception:  # noqa: BLE001 - a class of a user's may refuse anything; then all its arguments are written
            return None


def _unsayable(path: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} {what}: TOML and YAML cannot say it.",
        hint="put functions and classes into a module that can be imported, or keep this configuration in Python.",
    )


def _shown(value: Any) -> str:
    kind = type(value)
    text = getattr(value, "__qualname__", None)
    return f"the {kind.__name__} {text}" if isinstance(text, str) else f"a {kind.__module__}.{kind.__qualname__}"
