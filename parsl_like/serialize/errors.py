"""The errors of this package, at the path where Parsl programs look for them."""

from __future__ import annotations

from parsl_like.errors import DeserializationError, SerializationError

__all__ = ["DeserializationError", "SerializationError"]
