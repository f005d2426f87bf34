"""How futures are found in a call's arguments, and how their values are put in place.

The shallow resolver (the default, as in Parsl) looks at the arguments themselves and at the list ``inputs``; the
deep one looks into lists, tuples, sets and dictionaries too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass
from functools import singledispatch
from typing import Any


@dataclass(frozen=True)
class DependencyResolver:
    """A pair of functions that know where futures can be.

    Attributes:
        traverse_to_gather: From one argument to all futures in it.
        traverse_to_unwrap: From one argument to the same with each future replaced by its value.
    """

    traverse_to_gather: Callable[[object], Sequence[Future[Any]]]
    traverse_to_unwrap: Callable[[object], object]


def shallow_gather(argument: object) -> Sequence[Future[Any]]:
    """The argument, if it is a future."""
    return [argument] if isinstance(argument, Future) else []


def shallow_unwrap(argument: object) -> object:
    """The value, if the argument is a future."""
    return argument.result() if isinstance(argument, Future) else argument


@singledispatch
def deep_gather(argument: object) -> Sequence[Future[Any]]:
    """All futures in an argument, at any depth of built-in containers. Register a type to look into it too."""
    return [argument] if isinstance(argument, Future) else []


@deep_gather.register(list)
@deep_gather.register(tuple)
@deep_gather.register(set)
@deep_gather.register(frozenset)
def _(argument: Any) -> Sequence[Future[Any]]:
    return [future for part in argument for future in deep_gather(part)]


@deep_gather.register
def _(argument: dict) -> Sequence[Future[Any]]:  # type: ignore[type-arg]  # singledispatch wants the bare class
    return [future for pair in argument.items() for part in pair for future in deep_gather(part)]


@singledispatch
def deep_unwrap(argument: object) -> object:
    """The argument with all futures replaced, at any depth; what holds none comes back as it is."""
    return argument.result() if isinstance(argument, Future) else argument


@deep_unwrap.register(list)
@deep_unwrap.register(tuple)
@deep_unwrap.register(set)
@deep_unwrap.register(frozenset)
def _(argument: Any) -> object:
    parts = [deep_unwrap(part) for part in argument]
    if all(new is old for new, old in zip(parts, argument, strict=True)):
        return argument
    kind = type(argument)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)  # a namedtuple takes its parts one by one


@deep_unwrap.register
def _(argument: dict) -> object:  # type: ignore[type-arg]  # singledispatch wants the bare class
    pairs = [(deep_unwrap(key), deep_unwrap(value)) for key, value in argument.items()]
    if all(new == pair for new, pair in zip(map(_ids, pairs), map(_ids, argument.items()), strict=True)):
        return argument
    filled = copy(argument)  # of the same type, with what that keeps beside its items, like a default
    filled.clear()
    for key, value in pairs:
        filled[key] = value
    return filled


def _ids(pair: tuple[object, object]) -> tuple[int, int]:
    return id(pair[0]), id(pair[1])


SHALLOW_DEPENDENCY_RESOLVER = DependencyResolver(shallow_gather, shallow_unwrap)
"""Arguments, keyword arguments and the members of ``inputs``."""

DEEP_DEPENDENCY_RESOLVER = DependencyResolver(deep_gather, deep_unwrap)
"""The same, and whatever lists, tuples, sets and dictionaries in them hold."""
