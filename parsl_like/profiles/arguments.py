"""What can be said of an object in a file: the arguments of its class."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.profiles.shapes import ANY, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a class.

    Attributes:
        name: Its name, which is also the attribute that keeps it.
        required: Whether there is no default.
        shape: What plain values become.
        secret: Whether it is not to be shown.
    """

    name: str
    required: bool = False
    shape: Shape = ANY
    secret: bool = False


def arguments_of(kind: type) -> Mapping[str, Argument]:
    """The arguments of a class by name, in their order; none if it cannot be said which it takes."""
    taken = _parameters(kind)
    required = {name for name, parameter in taken.items() if parameter.default is parameter.empty}
    if not dataclasses.is_dataclass(kind) or _has_own_constructor(kind):
        return {
            name: Argument(name, name in required, shape_of(parameter.annotation)) for name, parameter in taken.items()
        }
    return {
        field.name: Argument(field.name, field.name in required, _shape(field), secret=not field.repr)
        for field in dataclasses.fields(kind)
        if field.init
    }


def renamed_arguments(kind: type) -> Mapping[str, Any]:
    """The arguments that a class also takes by old names, and what became of them."""
    constructor: Any = kind.__init__  # type: ignore[misc]  # only what was left on it is read
    renamed: Mapping[str, Any] = getattr(constructor, "renamed", {})
    return renamed


def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    try:
        found = inspect.signature(kind).parameters
    except (TypeError, ValueError):  # a class written in C that does not say what it takes
        return {}
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: parameter for name, parameter in found.items() if parameter.kind not in several}


def _has_own_constructor(kind: type) -> bool:
    """Whether a class that is no dataclass itself derives from one and takes other arguments."""
    nearest = next(cls for cls in kind.__mro__ if "__init__" in vars(cls))
    return "__dataclass_fields__" not in vars(nearest)


def _shape(field: dataclasses.Field[Any]) -> Shape:
    found = shape_of(field.type)
    if isinstance(field.default, tuple) and found.array is list:
        return dataclasses.replace(found, array=tuple)
    return found
