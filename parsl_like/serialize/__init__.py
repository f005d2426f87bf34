"""Values, calls, functions and failures as bytes, and back; what cannot be sent is named down to the attribute.

``facade`` packs any value, ``calls`` the arguments of one call, ``functions`` what is called, ``failures`` what it
raised. ``pickles`` decides how; ``offender`` finds out why not. The rules are in ``docs/internals/serialization.md``.
"""

from __future__ import annotations

from parsl_like.serialize.calls import pack_call, unpack_call
from parsl_like.serialize.errors import DeserializationError, SerializationError
from parsl_like.serialize.facade import (
    Packed,
    deserialize,
    is_plain,
    pack,
    pack_apply_message,
    register_method_for_data,
    serialize,
    unpack,
    unpack_apply_message,
)
from parsl_like.serialize.failures import RemoteTraceback, pack_failure, unpack_failure
from parsl_like.serialize.functions import FunctionBlob, pack_function, unpack_function

__all__ = [
    "serialize",
    "deserialize",
    "pack_apply_message",
    "unpack_apply_message",
    "register_method_for_data",
    "Packed",
    "pack",
    "unpack",
    "is_plain",
    "pack_call",
    "unpack_call",
    "FunctionBlob",
    "pack_function",
    "unpack_function",
    "pack_failure",
    "unpack_failure",
    "RemoteTraceback",
    "SerializationError",
    "DeserializationError",
]
