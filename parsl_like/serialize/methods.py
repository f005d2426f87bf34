"""The registered methods for data, and the envelope that says which of them made a payload."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from parsl_like.errors import DeserializationError
from parsl_like.serialize.text import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.serialize.base import DataMethod

registered: dict[bytes | str, DataMethod] = {}
"""By identifier, in the order of registration; empty in nearly every program, which keeps the common path short."""


def register(method: DataMethod) -> None:
    """From now on the method is used as :class:`~parsl_like.serialize.base.DataMethod` says.

    The method registered last is asked first; registering an identifier again replaces its method.

    Raises:
        TypeError: The method lacks one of ``identifier``, ``serialize`` and ``deserialize``.
    """
    missing = [name for name in ("identifier", "serialize", "deserialize") if not hasattr(method, name)]
    if missing:
        raise TypeError(f"{method!r} is no method for data: it has no {' and no '.join(missing)}")
    registered.pop(method.identifier, None)
    registered[method.identifier] = method


def claimant(data: object) -> DataMethod | None:
    """The method that claims the data, if there is one."""
    for method in reversed(registered.values()):
        claims = getattr(method, "claims", None)
        if claims is not None and claims(data):
            return method
    return None


def last_resorts() -> Iterator[DataMethod]:
    """The methods for values that the built-in ones refuse."""
    return (method for method in reversed(registered.values()) if not hasattr(method, "claims"))


Reduced = tuple[Any, tuple[bytes | str, str, str, bytes]]


def reduce_with(method: DataMethod, data: object) -> Reduced:
    """The data in the method's envelope, as a pickler wants it from a reducer."""
    cls = type(method)
    return open_envelope, (method.identifier, cls.__module__, cls.__qualname__, bytes(method.serialize(data)))


class Envelope:
    """Pickles as the data that its method serialised; for whole values."""

    def __init__(self, method: DataMethod, data: object) -> None:
        self._reduced = reduce_with(method, data)

    def __reduce__(self) -> Reduced:
        return self._reduced


def open_envelope(identifier: bytes | str, module: str, qualname: str, payload: bytes) -> Any:
    """The data, rebuilt by the method with that identifier, which is made from its class if it is not registered.

    Raises:
        DeserializationError: No such method is registered here, and none can be made.
    """
    method = registered.get(identifier)
    if method is None:
        try:
            found: Any = importlib.import_module(module)
            for name in qualname.split("."):
                found = getattr(found, name)
            method = found()
        except Exception as error:  # its class, and so what it raises, is the user's
            raise DeserializationError(
                f"the data were serialized by the method {identifier!r}, which is not registered here, and "
                f"{module}.{qualname}() cannot be made ({describe(error)}); register it where the data arrive"
            ) from error
    return method.deserialize(payload)
