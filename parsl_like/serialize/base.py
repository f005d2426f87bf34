"""What a user's own way of serialising data looks like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class DataMethod(Protocol):
    """A way to turn data into bytes and back that can be registered beside the built-in ones.

    A method may also have ``claims(data) -> bool``. It is asked about the whole value and about every part of it
    that is not a built-in scalar or container; what it claims, it serialises. A method without ``claims`` gets whole
    values which the built-in methods refuse.
    """

    @property
    def identifier(self) -> bytes | str:
        """Names the method in every payload it makes; the same on both sides."""

    def serialize(self, data: Any) -> bytes:
        """The data as bytes; raises whatever it likes where it cannot."""

    def deserialize(self, payload: bytes) -> Any:
        """The data that :meth:`serialize` was given."""


class SerializerBase(ABC):
    """A base for methods: a class that can be made without arguments needs no registration where payloads arrive."""

    @property
    def identifier(self) -> bytes:
        """The class's module and name."""
        return f"{type(self).__module__} {type(self).__qualname__}".encode()

    @abstractmethod
    def serialize(self, data: Any) -> bytes:
        """The data as bytes."""

    @abstractmethod
    def deserialize(self, payload: bytes) -> Any:
        """The data that :meth:`serialize` was given."""
