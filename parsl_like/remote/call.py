"""One packed call, run to its end whatever the user's code does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parsl_like.serialize.calls import unpack_call
from parsl_like.serialize.facade import Packed, pack_or_refuse
from parsl_like.serialize.failures import pack_failure
from parsl_like.serialize.functions import name_of
from parsl_like.serialize.offender import refused
from parsl_like.serialize.pickles import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.serialize.unpickling import Bytes


class Outcome(NamedTuple):
    """How a call ended.

    Attributes:
        ok: Whether it returned something that can be sent.
        body: The packed result, or the report of the failure.
        buffers: The result's big buffers; they share its memory.
    """

    ok: bool
    body: bytes
    buffers: tuple[memoryview, ...]


_new = tuple.__new__


def run_call(function: Callable[..., Any], body: Bytes, buffers: Sequence[Bytes] = ()) -> Outcome:
    """How the call ended; never raises, not even what ends a process elsewhere.

    Args:
        function: What to call.
        body: The packed arguments.
        buffers: Their big buffers; writable ones become the arguments' memory.
    """
    try:
        args, kwargs = unpack_call(body, buffers)
        result_body, result_buffers = _pack_result(function, function(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, and the worker lives on
        return Outcome(False, pack_failure(error), ())
    return _new(Outcome, (True, result_body, result_buffers))


def _pack_result(function: Callable[..., Any], result: object) -> Packed:
    try:
        return pack_or_refuse(result, copy=False)
    except Refused as failed:
        what = f"the result of {name_of(function)}"
        raise refused(result, what, "result", failed.__cause__) from failed.__cause__
