"""Descriptions whose fields come in another order than the positional arguments that programs give."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from parsl_like.core.arguments import placed, signature_in_order

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
            build(self, **placed(cls.__name__, order, args, kwargs))

        built.__signature__ = signature_in_order(build, order)  # type: ignore[attr-defined]
        type.__setattr__(cls, "__init__", built)
        return cls

    return decorate
