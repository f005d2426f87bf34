"""Functions as bytes and back: by name where a module elsewhere can give them, with all they capture where not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parsl_like.errors import DeserializationError, SerializationError
from parsl_like.serialize.offender import refused
from parsl_like.serialize.origin import mentions_local
from parsl_like.serialize.pickles import encode_by_reference, encode_by_value
from parsl_like.serialize.text import bounded
from parsl_like.serialize.unpickling import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.serialize.unpickling import Bytes


class FunctionBlob(NamedTuple):
    """A function as bytes.

    Attributes:
        hash: BLAKE2b of the blob, 16 bytes; the function's identity on every hop.
        blob: One pickle.
        name: For people.
    """

    hash: bytes
    blob: bytes
    name: str


def pack_function(func: Callable[..., Any]) -> FunctionBlob:
    """The function in a form that any interpreter of the same version can rebuild.

    What it captures, it captures now: a global variable that changes later keeps its old value in the blob.

    Args:
        func: A function, method, partial, or object that can be called.

    Raises:
        SerializationError: It captures something that cannot be sent; names the variable and the part at fault.
    """
    from hashlib import blake2b

    name = name_of(func)
    if not callable(func):
        raise SerializationError(name, None, "it cannot be called")
    blob = encode_by_reference(func)
    if blob is None or mentions_local(blob):
        try:
            blob = encode_by_value(func)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise refused(func, f"function {name}", "", error) from error
    return FunctionBlob(blake2b(blob, digest_size=16).digest(), blob, name)


def unpack_function(blob: Bytes) -> Callable[..., Any]:
    """The function that was packed.

    Raises:
        DeserializationError: It cannot be rebuilt here; names the module that is missing, if one is.
    """
    func = rebuild("the function", blob)
    if not callable(func):
        raise DeserializationError(f"something that cannot be called arrived as a function: {type(func).__name__}")
    return func  # type: ignore[no-any-return]


def name_of(func: object) -> str:
    """A callable's name for people; never raises."""
    try:
        for _ in range(8):  # partials of partials
            name = getattr(func, "__name__", None)
            if isinstance(name, str):
                return bounded(name, 200)
            if not hasattr(func, "func"):
                break
            func = func.func
    except Exception:  # noqa: BLE001, S110 - attributes of a callable object are the user's code
        pass
    return type(func).__name__
