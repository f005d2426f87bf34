"""A packed call, run where it is; for executors of a program's own, which send what ``pack_apply_message`` makes."""

from __future__ import annotations

from typing import Any

from parsl_like.serialize.facade import unpack_apply_message


def execute_task(bufs: bytes) -> Any:
    """What the function gives.

    Args:
        bufs: What :func:`~parsl_like.serialize.facade.pack_apply_message` has made.

    Raises:
        DeserializationError: it cannot be rebuilt here.
        Exception: whatever the function raises.
    """
    function, args, kwargs = unpack_apply_message(bufs)
    return function(*args, **kwargs)
