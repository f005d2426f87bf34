"""Arguments of descriptions as programs spell them: old names with one warning, unknown ones refused by name."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from parsl_like.errors import ConfigurationError

T = TypeVar("T")

Renamed = Mapping[str, str | tuple[str, ...] | None]
"""Old names: the new one, the new ones that share a sequence, or None where the meaning is gone."""


class UnknownArgument(ConfigurationError, TypeError):
    """A description was given an argument that it does not have; the sentence names the nearest one.

    Args:
        description: Name of the description's class.
        name: The argument.
        known: The arguments it has.
        old: Names they had before.
    """

    def __init__(self, description: str, name: str, known: tuple[str, ...], old: Renamed | None = None) -> None:
        self.description, self.name = description, name
        old = old or {}
        near = [old.get(match, match) for match in difflib.get_close_matches(name, [*known, *old], n=1)]
        meant = near[0] if near and isinstance(near[0], str) else None
        takes = f"its arguments are {', '.join(known)}." if known else "it takes none."
        hint = f"did you mean {meant!r}?" if meant else takes
        super().__init__(f"{description}() got an unexpected keyword argument {name!r}.", hint=hint)


def spelled(renamed: Renamed | None = None) -> Callable[[type[T]], type[T]]:
    """A decorator for descriptions (above ``@dataclass``) whose construction also takes old names.

    Args:
        renamed: Old names and what became of them.
    """
    old = dict(renamed or {})

    def decorate(cls: type[T]) -> type[T]:
        build: Callable[..., None] = cls.__init__
        known = arguments_of(cls)

        @functools.wraps(build)
        def built(self: T, *args: Any, **kwargs: Any) -> None:
            if not kwargs.keys() <= set(known):
                kwargs = translated(cls.__name__, known, old, kwargs)
            build(self, *args, **kwargs)

        built.renamed = old  # type: ignore[attr-defined]  # for who rewrites programs; decorators above copy it
        type.__setattr__(cls, "__init__", built)
        return cls

    return decorate


def arguments_of(cls: type) -> tuple[str, ...]:
    """The names of a description's arguments."""
    return tuple(f.name for f in dataclasses.fields(cls) if f.init)


def translated(description: str, known: tuple[str, ...], old: Renamed, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments under their present names; called by what stands in for a constructor.

    Args:
        description: Name of the description's class.
        known: The arguments it has.
        old: Names they had before.
        given: Arguments by name.

    Raises:
        UnknownArgument: for a name that is neither known nor old.
        ConfigurationError: for an argument given by its old and by its new name.
    """
    kept = {name: value for name, value in given.items() if name in known}
    notes = []
    for name, value in given.items():
        if name in known:
            continue
        if name not in old:
            raise UnknownArgument(description, name, known, old)
        new = old[name]
        if new is None:
            notes.append(f"{name!r} has no effect any more")
            continue
        names, values = (new, _shared(name, value, new)) if isinstance(new, tuple) else ((new,), (value,))
        for target, part in zip(names, values, strict=True):
            if target in kept:
                raise ConfigurationError(f"{description} was given both {name!r} and its new name {target!r}.")
            kept[target] = part
        notes.append(f"{name!r} is now {' and '.join(map(repr, names))}")
    # 1: here, 2: the wrapper of __init__, 3: whoever builds the description
    warnings.warn(f"{description}: {'; '.join(notes)}.", DeprecationWarning, stacklevel=3)
    return kept


def _shared(name: str, value: Any, targets: tuple[str, ...]) -> tuple[Any, ...]:
    if value is None:
        return (None,) * len(targets)
    if not isinstance(value, list | tuple) or len(value) != len(targets):
        raise ConfigurationError(name, value, f"{len(targets)} values, for {' and '.join(targets)}")
    return tuple(value)


def placed(owner: str, names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments by name.

    Raises:
        TypeError: there are more positional arguments than names, or one is given twice.
    """
    if len(args) > len(names):
        raise TypeError(f"{owner} takes at most {len(names)} positional arguments, {len(args)} given")
    given = dict(zip(names, args, strict=False))
    if twice := given.keys() & kwargs.keys():
        raise TypeError(f"{owner} got several values for {', '.join(sorted(twice))}")
    return {**given, **kwargs}


def signature_in_order(build: Callable[..., None], names: Sequence[str]) -> inspect.Signature:
    """The signature of a constructor whose positional arguments come in another order; all others are keywords."""
    known = inspect.signature(build).parameters
    first = [known[name].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    others = [
        value.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, value in known.items()
        if name not in ("self", *names)
    ]
    return inspect.Signature([known["self"], *first, *others])
