"""Descriptions whose fields come in another order than the positional arguments that programs give."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def in_order(names: str) -> Callable[[type[T]], type[T]]:
    """A decorator for a dataclass that derives from another: positional arguments come in an order of its own.

    Args:
        names: The arguments that may be positional, separated by spaces, in their order.
    """
    order = tuple(names.split())

    def decorate(cls: type[T]) -> type[T]:
        build: Callable[..., None] = cls.__init__

        @functools.wraps(build)
        def built(self: T, *args: Any, **kwargs: Any) -> None:
            if len(args) > len(order):
                raise TypeError(f"{cls.__name__} takes at most {len(order)} positional arguments, {len(args)} given")
            given = dict(zip(order, args, strict=False))
            if twice := given.keys() & kwargs.keys():
                raise TypeError(f"{cls.__name__} got several values for {', '.join(sorted(twice))}")
            build(self, **given, **kwargs)

        known = inspect.signature(build).parameters
        first = [known[name].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in order]
        others = [
            value.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, value in known.items()
            if name not in ("self", *order)
        ]
        built.__signature__ = inspect.Signature([known["self"], *first, *others])  # type: ignore[attr-defined]
        type.__setattr__(cls, "__init__", built)
        return cls

    return decorate
