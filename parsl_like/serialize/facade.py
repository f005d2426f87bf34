"""Any value as bytes and back.

A value is packed into a body, which is always one pickle, and the big buffers in it, which travel beside it so that a
large array is copied once. Nothing here imports cloudpickle until a value needs it.
"""

from __future__ import annotations

from pickle import dumps
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from parsl_like.errors import DeserializationError
from parsl_like.serialize import methods
from parsl_like.serialize.functions import pack_function
from parsl_like.serialize.offender import refused
from parsl_like.serialize.origin import mentions_local
from parsl_like.serialize.pickles import BIG, PROTOCOL, STACK_GLOBAL, Buffers, Refused, encode, keep_small
from parsl_like.serialize.unpickling import rebuild

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.serialize.base import DataMethod
    from parsl_like.serialize.unpickling import Bytes


class Packed(NamedTuple):
    """A value as bytes.

    Attributes:
        body: One pickle of protocol 5; empty if that is large, and then it is the first of the buffers.
        buffers: The value's buffers of at least 64 KiB, read-only, in the order in which the pickle wants them.
    """

    body: bytes
    buffers: tuple[memoryview, ...]


_new = tuple.__new__  # half the cost of the named tuple's own constructor
_NONE = Packed(dumps(None, PROTOCOL), ())


def pack(obj: object, copy: bool = True) -> Packed:
    """The value as bytes that no later change of the value reaches.

    Args:
        obj: Any value.
        copy: False hands out big buffers without copying them; only for values that nobody changes any more.

    Raises:
        SerializationError: It cannot be sent; names the part of it that is at fault.
    """
    try:
        return pack_or_refuse(obj, copy)
    except Refused as refusal:
        raise refused(obj, f"a value of type {type(obj).__name__}", "value", refusal.__cause__) from refusal.__cause__


def pack_or_refuse(obj: object, copy: bool = True) -> Packed:
    """:func:`pack` for those who name the value themselves.

    Raises:
        Refused: It cannot be sent.
    """
    if obj is None:
        return _NONE
    if not methods.registered:
        try:
            body = dumps(obj, PROTOCOL, buffer_callback=keep_small)
            if STACK_GLOBAL not in body or not mentions_local(body):
                return _new(Packed, (body, ())) if len(body) < BIG else _large(body, [], copy)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001, S110 - big buffers, or nothing for the plain pickler: the long way
            pass
    buffers = Buffers()
    body = encode(obj, buffers)
    return _large(body, buffers.taken, copy)


def _large(body: bytes, taken: list[memoryview], copy: bool) -> Packed:
    if not copy:
        return Packed(body, tuple([memory.toreadonly() for memory in taken]))
    if len(body) >= BIG:
        body, taken = b"", [memoryview(body), *taken]
    elif not taken:
        return Packed(body, ())
    from parsl_like.serialize.segments import shared_copies

    return Packed(body, shared_copies(taken))


def unpack(body: Bytes, buffers: Sequence[Bytes] = ()) -> Any:
    """The value that was packed; arrays that could be written to before can be written to again.

    Args:
        body: The pickle; empty if it is the first of the buffers.
        buffers: The big buffers. Writable ones become the value's memory without a copy, so they must not be used for
            anything else; read-only ones are copied.

    Raises:
        DeserializationError: It cannot be rebuilt here.
    """
    return rebuild("a value", body, buffers)


def is_plain(body: bytes) -> bool:
    """True only if unpacking the body runs no code but the unpickler's own: no class or function is named in it.

    Says False for some bodies that are plain: it looks for the opcodes' bytes and does not parse.

    Args:
        body: Made by this package; a pickle of older protocols has other opcodes.
    """
    return STACK_GLOBAL not in body and 0x82 not in body and 0x83 not in body and 0x84 not in body  # 82-84: EXT


def serialize(obj: object, buffer_threshold: float = 1_000_000) -> bytes:
    """The value as one self-contained sequence of bytes, functions included.

    Args:
        obj: Any value or function.
        buffer_threshold: Bytes; accepted for Parsl's sake. No link here overflows, so nothing depends on it.

    Raises:
        SerializationError: It cannot be sent.
    """
    if isinstance(obj, (FunctionType, MethodType)):
        return pack_function(obj).blob
    try:
        return encode(obj)
    except Refused as refusal:
        raise refused(obj, f"a value of type {type(obj).__name__}", "value", refusal.__cause__) from refusal.__cause__


def deserialize(payload: Bytes) -> Any:
    """What :func:`serialize` was given.

    Raises:
        DeserializationError: It cannot be rebuilt here.
    """
    return rebuild("a value", payload)


def pack_buffers(buffers: Sequence[Bytes]) -> bytes:
    """Several sequences of bytes as one, each after its length; for executors of a program's own."""
    return b"".join(part for buffer in buffers for part in (b"%d\n" % len(buffer), buffer))


def unpack_buffers(packed_buffer: Bytes) -> list[bytes]:
    """What :func:`pack_buffers` was given.

    Raises:
        DeserializationError: It is cut short, or nothing of the kind.
    """
    rest, found = bytes(packed_buffer), list[bytes]()
    while rest:
        size, _, rest = rest.partition(b"\n")
        if not size.isdigit() or len(rest) < int(size):
            raise DeserializationError(f"packed buffers are cut short or damaged after {len(found)} of them")
        found.append(rest[: int(size)])
        rest = rest[int(size) :]
    return found


def pack_apply_message(func: Any, args: Any, kwargs: Any, buffer_threshold: float = 128_000_000) -> bytes:
    """A function and its arguments as one sequence of bytes; for executors of a program's own.

    Args:
        func: The function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        buffer_threshold: Bytes; accepted for Parsl's sake.

    Raises:
        SerializationError: One of them cannot be sent.
    """
    return pack_buffers([serialize(part) for part in (func, args, kwargs)])


def unpack_apply_message(packed_buffer: Bytes) -> list[Any]:
    """The function, its positional and its keyword arguments that :func:`pack_apply_message` was given.

    Raises:
        DeserializationError: They cannot be rebuilt here.
    """
    return [deserialize(part) for part in unpack_buffers(packed_buffer)]


def register_method_for_data(s: DataMethod) -> None:
    """From now on the method serialises what it claims, or what the built-in methods refuse.

    Args:
        s: See :class:`~parsl_like.serialize.base.DataMethod`. Payloads carry its identifier and its class; where
            they arrive, the method must be registered too, or its class be importable and need no argument.

    Raises:
        TypeError: It is not a method.
    """
    methods.register(s)
