"""Rebuilding what arrived, and the sentence that says why it could not be rebuilt."""

from __future__ import annotations

import sys
from pickle import loads
from typing import TYPE_CHECKING, Any

from parsl_like.errors import DeserializationError
from parsl_like.serialize.text import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    Bytes = bytes | bytearray | memoryview


def writable(buffers: Sequence[Bytes]) -> list[Bytes]:
    """The buffers in memory that what is rebuilt may change: copied where they are read-only, as given where not."""
    return [bytearray(buffer) if memoryview(buffer).readonly else buffer for buffer in buffers]


def rebuild(what: str, body: Bytes, buffers: Sequence[Bytes] = ()) -> Any:
    """What was pickled.

    Args:
        what: Its name in an error's sentence.
        body: The pickle; empty if it is the first of the buffers.
        buffers: Its big buffers, in their order.

    Raises:
        DeserializationError: It cannot be rebuilt here.
        KeyboardInterrupt: The user interrupted the main thread.
    """
    if buffers and not body:
        body, *buffers = buffers
    try:
        return loads(body, buffers=writable(buffers)) if buffers else loads(body)
    except DeserializationError:
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise unreadable(what, error) from error


def is_interrupt(error: BaseException) -> bool:
    """Whether the exception is the user's Ctrl-C, which only ever reaches the main thread."""
    if not isinstance(error, KeyboardInterrupt):
        return False
    import threading

    return threading.current_thread() is threading.main_thread()


def unreadable(what: str, error: BaseException) -> DeserializationError:
    """The error that says what could not be rebuilt, where, why, and what to do about it."""
    import platform

    place = f"{platform.node() or 'this host'} (Python {platform.python_version()}, {sys.executable})"
    if isinstance(error, ModuleNotFoundError) and error.name:
        reason = (
            f"{what} needs the module {error.name!r}, which is missing on {place}. Install it there, or make it "
            f"importable in worker_init (export PYTHONPATH=...), or import it inside the app"
        )
    elif isinstance(error, AttributeError):
        reason = (
            f"{what} names something that its module does not have on {place}: {describe(error)}. Use the same "
            f"version of the module on both sides"
        )
    else:
        reason = f"rebuilding {what} on {place} raised {describe(error)}"
    return DeserializationError(reason)
