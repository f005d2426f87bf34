"""What a task raised, as bytes and back, so that its user catches what was raised and sees where.

An exception travels as itself only if it came back unchanged from a round trip at the place where it was raised;
otherwise as text. What it was raised from does likewise. The text of its traceback always travels. Neither direction
ever raises.
"""

from __future__ import annotations

import os
from pickle import dumps, loads
from typing import TYPE_CHECKING, Any

from parsl_like.errors import ParslError, RemoteError, TaskExit
from parsl_like.serialize.pickles import PROTOCOL, Refused, encode
from parsl_like.serialize.text import bounded, describe, message_of, name_of_type

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from parsl_like.serialize.unpickling import Bytes

MAX_MESSAGE = 64 * 1024
"""Characters of a message that travels as text."""
MAX_TRACEBACK = 128 * 1024
"""Characters of a traceback."""
MAX_PICKLE = 1024 * 1024
"""Bytes of an exception that travels as itself."""
MAX_CAUSES = 20
"""Exceptions that one was raised from, each from the next; all in all of at most ``MAX_PICKLE``."""
MAX_FRAMES = 1500
"""Frames up to which a traceback is written in full; beyond, only the innermost third of this number."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class RemoteTraceback(Exception):
    """The text of the traceback of an exception that was raised elsewhere; is at the end of that exception's causes."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text


def pack_failure(error: BaseException) -> bytes:
    """A report of the exception: never raises, whatever the exception does, and is never large."""
    try:
        return _report(error)
    except BaseException:  # noqa: BLE001 - the exception's own code may do anything, and the stack may be used up
        ends_process, name = not isinstance(error, Exception), type(error).__name__
        return dumps((ends_process, name, "", "", "it cannot be described", None, ()), PROTOCOL)


def unpack_failure(body: Bytes) -> BaseException:
    """The exception that was reported; never raises.

    It is of the original type where that could be rebuilt, its cause what it was raised from, and the last of these has
    a :class:`RemoteTraceback` as its cause; a :class:`~parsl_like.errors.TaskExit` where it would have ended its
    process; otherwise a :class:`~parsl_like.errors.RemoteError` that says why it is only that.
    """
    try:
        ends_process, name, message, text, reason, pickled, causes = loads(body)
    except BaseException as error:  # noqa: BLE001 - whatever arrived, somebody waits for an answer
        return RemoteError("An unknown exception", "", "", f"its report cannot be read: {describe(error)}")
    if ends_process:
        return TaskExit(name, message, text)
    if pickled is not None:
        try:
            return _with_causes(loads(pickled), causes, text)
        except BaseException as error:  # noqa: BLE001 - the exception's class, and so its constructor, is the user's
            reason = f"it cannot be rebuilt here: {describe(error)}"
    return RemoteError(name, message, text, reason)


def _report(error: BaseException) -> bytes:
    ends_process = not isinstance(error, Exception)
    text = _traceback_text(error)
    pickled, reason = _pickled(error) if isinstance(error, Exception) else (None, "")
    message = message_of(error, MAX_MESSAGE)
    causes = _pickled_causes(error) if pickled is not None else []
    return dumps((ends_process, name_of_type(type(error)), message, text, reason, pickled, causes), PROTOCOL)


def _with_causes(error: object, causes: Sequence[Bytes], text: str) -> Exception:
    if not isinstance(error, Exception):
        raise TypeError(f"an object of type {type(error).__name__} came out of its pickle")
    last = error
    for body in causes:
        try:
            cause = loads(body)
        except BaseException:  # noqa: BLE001 - it is the user's; the text has it and what it was raised from
            break
        if not isinstance(cause, Exception):
            break
        _set_cause(last, cause)
        last = cause
    _set_cause(last, RemoteTraceback(text))
    return error


def _set_cause(error: Exception, cause: Exception) -> None:
    # Past the class's own __setattr__, which a frozen dataclass makes refuse this.
    BaseException.__dict__["__cause__"].__set__(error, cause)


# --- the exception itself


def _pickled(error: Exception) -> tuple[bytes | None, str]:
    """The exception's pickle, or None and why there is none."""
    reason = ""
    # Slots are not in an exception's own pickle; whether their values came back could only be told by comparing them.
    for form in (_Rebuilt(error),) if _slots(error) else (error, _Rebuilt(error)):
        try:
            body = encode(form)
            if len(body) > MAX_PICKLE:
                return None, f"it holds {len(body)} bytes"
            difference = _difference(error, loads(body))
        except Refused as refused:
            reason = f"it cannot be pickled: {describe(refused.__cause__ or refused)}"
        except BaseException as failure:  # noqa: BLE001 - rebuilding runs the user's constructor
            reason = f"it cannot be rebuilt from its pickle: {describe(failure)}"
        else:
            if not difference:
                return body, ""
            reason = f"it does not come back from its pickle as it was: {difference}"
    return None, reason


def _pickled_causes(error: BaseException) -> list[bytes]:
    """The pickles of what it was raised from and what that was, up to the first that does not travel as itself."""
    bodies: list[bytes] = []
    room, seen, last = MAX_PICKLE, {id(error)}, error
    while len(bodies) < MAX_CAUSES:
        cause = BaseException.__dict__["__cause__"].__get__(last)
        if not isinstance(cause, Exception) or isinstance(cause, RemoteTraceback) or id(cause) in seen:
            break
        body, _ = _pickled(cause)
        if body is None or len(body) > room:
            break
        bodies.append(body)
        seen.add(id(cause))
        room, last = room - len(body), cause
    return bodies


def _difference(error: BaseException, copy: object) -> str:
    """What makes the copy another exception; empty if nothing does."""
    if type(copy) is not type(error):
        return f"its type becomes {type(copy).__name__}"
    if message_of(copy, MAX_PICKLE) != message_of(error, MAX_PICKLE) or len(copy.args) != len(error.args):
        return "its message changes"
    if copy.__dict__.keys() != error.__dict__.keys() or _slots(copy).keys() != _slots(error).keys():
        return "it loses attributes"
    if isinstance(error, BaseExceptionGroup) and isinstance(copy, BaseExceptionGroup):
        inner = zip(error.exceptions, copy.exceptions, strict=True)
        return next((difference for a, b in inner if (difference := _difference(a, b))), "")
    return ""


def _slots(error: BaseException) -> dict[str, object]:
    names: list[str] = []
    for cls in type(error).__mro__:
        slots = cls.__dict__.get("__slots__", ()) if cls.__module__ != "builtins" else ()
        names += [slots] if isinstance(slots, str) else slots
    return {name: getattr(error, name) for name in names if hasattr(error, name)}


class _Rebuilt:
    """Pickles as an exception that is rebuilt without its class's constructor."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        reduced: Any = _built_in_base(type(error)).__reduce__(error)
        attributes = (reduced[2] if len(reduced) > 2 else None) or {}
        return rebuild_exception, (type(error), reduced[1], {**attributes, **_slots(error)})


def rebuild_exception(cls: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    """An exception with these arguments and attributes, made by the constructor of its built-in base alone.

    A class's own constructor often takes other arguments than it hands on, and so cannot be called with ``args``.
    """
    base = _built_in_base(cls)
    error = base.__new__(cls, *args)
    base.__init__(error, *args)
    for name, value in attributes.items():
        object.__setattr__(error, name, value)
    return error


def _built_in_base(cls: type[BaseException]) -> type[BaseException]:
    return next(base for base in cls.__mro__ if base.__module__ == "builtins" and issubclass(base, BaseException))


# --- its traceback


def _traceback_text(error: BaseException) -> str:
    try:
        return bounded(_formatted(error), MAX_TRACEBACK)
    except BaseException as failure:  # noqa: BLE001 - formatting runs the user's __str__ and reads source files
        return f"(its traceback cannot be shown: {type(failure).__name__})\n"


def _formatted(error: BaseException) -> str:
    import traceback

    trace = _users_part(error)
    frames = _length(trace)
    limit = None if frames <= MAX_FRAMES else -(MAX_FRAMES // 3)
    report = traceback.TracebackException(type(error), error, trace, limit=limit, compact=True)
    note = "" if limit is None else f"({frames + limit} outer frames are left out)\n"
    return note + "".join(report.format())


def _users_part(error: BaseException) -> TracebackType | None:
    """The traceback from the first frame that is not ours; all of it where only ours are there and the error is not."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        trace = trace.tb_next
    return trace if trace is not None or isinstance(error, ParslError) else error.__traceback__


def _length(trace: TracebackType | None) -> int:
    frames = 0
    while trace is not None:
        frames, trace = frames + 1, trace.tb_next
    return frames
