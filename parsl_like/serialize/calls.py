"""The arguments of one call as bytes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.serialize.facade import Packed, pack_or_refuse
from parsl_like.serialize.offender import refused
from parsl_like.serialize.pickles import Refused, refusal
from parsl_like.serialize.unpickling import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsl_like.errors import SerializationError
    from parsl_like.serialize.unpickling import Bytes

Call = tuple[tuple[Any, ...], dict[str, Any]]

_EMPTY = pack_or_refuse(((), {}))


def pack_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Packed:
    """The arguments as bytes that no later change of them reaches.

    Args:
        args: Positional arguments.
        kwargs: Keyword arguments.

    Raises:
        SerializationError: An argument cannot be sent; names it and the part of it that is at fault.
    """
    if not args and not kwargs:
        return _EMPTY
    try:
        return pack_or_refuse((args, kwargs))
    except Refused as failed:
        raise _name_argument(args, kwargs, failed.__cause__) from failed.__cause__


def unpack_call(body: Bytes, buffers: Sequence[Bytes] = ()) -> Call:
    """The positional and the keyword arguments.

    Args:
        body: The body of the packed call.
        buffers: Its big buffers, as for :func:`~parsl_like.serialize.facade.unpack`.

    Raises:
        DeserializationError: An argument cannot be rebuilt here.
    """
    return rebuild("an argument", body, buffers)  # type: ignore[no-any-return]


def _name_argument(args: tuple[Any, ...], kwargs: dict[str, Any], cause: BaseException | None) -> SerializationError:
    for what, root, value in _named(args, kwargs):
        failure = refusal(value)
        if failure is not None:
            return refused(value, what, root, failure)
    return refused((args, kwargs), "the arguments together", "", cause)


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, str, object]]:
    for index, value in enumerate(args):
        yield f"argument {index}", f"args[{index}]", value
    for name, value in kwargs.items():
        if name in ("inputs", "outputs") and type(value) is list:
            for index, item in enumerate(value):
                yield f"{name}[{index}]", f"{name}[{index}]", item
        yield f"argument {name!r}", name, value
