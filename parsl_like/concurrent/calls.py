"""How what is submitted to a pool becomes an app: plain functions are sent once, other callables with each call."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from parsl_like.app.base import SPECIAL
from parsl_like.serialize.functions import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

R = TypeVar("R")


def travels_with_each_call(fn: Callable[..., Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a callable is to be sent as an argument, in the state in which it is at each call.

    A function is what it was; a method's object, or what a partial holds, may have changed. One that is given keyword
    arguments with a meaning of their own has to be looked into, and so cannot be an argument.
    """
    if isinstance(fn, types.BuiltinFunctionType):
        alike = isinstance(fn.__self__, types.ModuleType | type | None)  # not so the method of a list
    else:
        alike = isinstance(fn, types.FunctionType | type)
    return not alike and kwargs.keys().isdisjoint(SPECIAL)


class Calling:
    """Calls its first argument with the others.

    Args:
        name: What its tasks are called.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """What the callable gives."""
        return fn(*args, **kwargs)


class Chunk(Generic[R]):
    """Calls a function once for each of several items, as one task.

    The items' arguments come one after another, not in lists, so that futures among them are seen.

    Args:
        fn: The function.
        width: How many arguments each call takes.
    """

    def __init__(self, fn: Callable[..., R], width: int) -> None:
        self.fn, self.width = fn, width
        self.__name__ = name_of(fn)

    def __call__(self, *args: Any) -> list[R]:
        """One result per item."""
        return [self.fn(*args[at : at + self.width]) for at in range(0, len(args), self.width)]
