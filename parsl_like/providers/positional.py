"""Constructors that take positional arguments in the orders of both versions of Parsl."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from parsl_like.channels.base import Channel
from parsl_like.channels.local import LocalChannel
from parsl_like.core.arguments import arguments_of, placed, signature_in_order, translated
from parsl_like.providers.base import ExecutionProvider

if TYPE_CHECKING:
    from collections.abc import Callable

P = TypeVar("P", bound=ExecutionProvider)


def parsl_order(newest: str, legacy: str = "") -> Callable[[type[P]], type[P]]:
    """Let a provider's constructor take positional arguments in the order in which Parsl has them.

    Fields of the base come before a dataclass's own, so Parsl's order has to be said apart. An unknown argument is
    refused with the nearest name; options of Parsl 1.2 that have no meaning any more are warned of, once.

    Args:
        newest: Names in the order of newest Parsl, separated by spaces.
        legacy: The order of Parsl 1.2, used when an argument given by position is a channel.
    """

    def decorate(cls: type[P]) -> type[P]:
        by_keyword = cls.__init__
        orders = newest.split(), (legacy or newest).split()
        fields = arguments_of(cls)

        @functools.wraps(by_keyword)
        def __init__(self: P, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            names = orders[any(isinstance(value, Channel) for value in args)]
            given = placed(cls.__name__, names, args, kwargs)
            if not given.keys() <= set(fields):
                given = translated(cls.__name__, fields, {}, given)
            by_keyword(self, **given)
            if notes := _without_meaning(self):
                warnings.warn(" ".join(notes), DeprecationWarning, stacklevel=2)

        __init__.__signature__ = signature_in_order(by_keyword, orders[0])  # type: ignore[attr-defined]
        cls.__init__ = __init__  # type: ignore[method-assign, assignment]
        return cls

    return decorate


def _without_meaning(provider: ExecutionProvider) -> list[str]:
    """What to say of options of Parsl 1.2 that change nothing; a channel that leads elsewhere is no such option."""
    notes = []
    kind = type(provider).__name__
    if isinstance(provider.channel, LocalChannel):
        notes.append(f"{kind}(channel=...) is of Parsl 1.2: leave it out; commands run where the program runs.")
    if provider.move_files is not None:
        notes.append(
            f"{kind}(move_files=...) is of Parsl 1.2: leave it out; a block's files are put beside its script."
        )
    return notes
