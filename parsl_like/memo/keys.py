"""The key of a call: equal for calls that give the same result, in every process.

A key is made of parts, each a digest of one thing that counts, so that two keys can be compared: the name of the app,
what its function does or the version that the program has given it, each argument, the environment on request.
Arguments have the names of the function's parameters, and those that a call leaves out are there with their defaults:
``f(1)``, ``f(x=1)`` and ``f(1, y=0)`` are one call of ``def f(x, y=0)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from types import FunctionType, MappingProxyType, MethodType
from typing import Any, NamedTuple

from parsl_like.memo.canonical import ATOMS, atom, form_of
from parsl_like.memo.errors import MemoKeyError
from parsl_like.memo.file_values import CHOSEN, FileRule
from parsl_like.memo.hashers import register_plugins
from parsl_like.memo.plainkeys import PREFIX, WHOLE, PlainKeys
from parsl_like.memo.plans import PART, Plan, framed_label, refused

__all__ = ["PREFIX", "Call", "Key", "Keys", "MemoKeyError", "key_of"]

KEPT = 4096
"""Functions whose plan is kept."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""No keyword arguments."""

_WRAPPERS = (
    "parsl_like.remote.capture.Captured",
    "parsl_like.remote.sandbox.Sandboxed",
    "parsl_like.remote.timeout.Walltimed",
)
_COMMAND = "parsl_like.remote.bash.BashCommand"


class Call(NamedTuple):
    """One call of an app, with the values of all futures in place.

    Attributes:
        function: What is called.
        name: The name of the app.
        args: Positional arguments.
        kwargs: Keyword arguments.
        ignored: Names of parameters and keyword arguments that do not count; the name of ``*args`` or ``**kwargs``
            stands for all that it takes up.
        version: The version of the function, by the program's own word; None for what the function does.
        environment: What else must be equal, None for nothing.
    """

    function: Any
    name: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = NOTHING
    ignored: frozenset[str] = frozenset()
    version: str | None = None
    environment: bytes | None = None


class Key(NamedTuple):
    """A key, and of what it is made.

    Attributes:
        text: "b2:" and the digest of the parts in hexadecimal digits.
        parts: Labels and digests of 16 bytes: "name"; "function", which is its code, "variable x" for what it closes
            over and "global y" for what it reads of its module, or "version" instead of these; "environment";
            "argument x".
    """

    text: str
    parts: tuple[tuple[str, bytes], ...]


class Keys:
    """Makes keys, of which all must be made by the same rules to be compared.

    Args:
        files: By what files among the arguments are known: their content (read once for each size and time of change),
            their size and time, or their name alone.
        hashers: What plugins say of their types: functions ``hasher(value, output_ref) -> bytes``.
    """

    def __init__(self, files: FileRule = "content", hashers: Mapping[type, Any] | None = None) -> None:
        self._files: FileRule = files
        self._plans: dict[tuple[Any, ...], Plan] = {}
        if hashers:
            register_plugins(hashers)

    def of(self, call: Call) -> Key:
        """The key of a call.

        Raises:
            MemoKeyError: an argument, or what the function closes over, cannot be told from others.
        """
        if self._files == "content":
            return self._of(call)
        token = CHOSEN.set(self._files)
        try:
            return self._of(call)
        finally:
            CHOSEN.reset(token)

    def _of(self, call: Call) -> Key:
        function, args, kwargs = call.function, call.args, call.kwargs
        command = False
        if type(function) is not FunctionType:
            function, args, kwargs, command = _unwrapped(function, args, kwargs)
        plan = self._plan(call, function, command)
        given = len(args)
        if given > len(plan.slots):
            plan.lengthen(given)
        parts, chunks = list(plan.head), [plan.prefix]
        for value, (label, framed, made, counts) in zip(args, plan.slots, strict=False):
            if not counts:
                continue
            try:
                form = atom(value) if type(value) in ATOMS else form_of(value, made)
            except Exception as error:  # registered functions are the program's own
                raise refused(error, call.name, label) from error
            digest = blake2b(form, digest_size=PART).digest()
            parts.append((label, digest))
            chunks += (framed, digest)
        if kwargs:
            for label, digest in plan.rest(given, kwargs):
                parts.append((label, digest))
                chunks += (framed_label(label), digest)
        else:
            more, data = plan.tail(given)
            parts += more
            chunks.append(data)
        return Key(PREFIX + blake2b(b"".join(chunks), digest_size=WHOLE).hexdigest(), tuple(parts))

    def plain(self, call: Call) -> PlainKeys | None:
        """What makes the keys of calls like this one, as long as all their arguments are plain and come by position.

        None if the function is called with other arguments than the call has.

        Raises:
            MemoKeyError: what the function closes over cannot be told from others.
        """
        token = CHOSEN.set(self._files)
        try:
            function, args, kwargs, command = _unwrapped(call.function, (), NOTHING)
            if args or kwargs:
                return None
            return PlainKeys(self._plan(call, function, command), call.name, len(call.args))
        finally:
            CHOSEN.reset(token)

    def _plan(self, call: Call, function: Any, command: bool) -> Plan:
        identity = (id(function), call.name, call.ignored, call.version, call.environment, command)
        plan = self._plans.get(identity)
        if plan is None:
            plan = Plan(function, call.name, call.ignored, call.version, call.environment, command=command)
            if len(self._plans) >= KEPT:
                self._plans.clear()
            self._plans[identity] = plan
        return plan


_default = Keys()


def key_of(call: Call) -> Key:
    """The key of a call, by the default rules: files by their content.

    Raises:
        MemoKeyError: an argument, or what the function closes over, cannot be told from others.
    """
    return _default.of(call)


def _unwrapped(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any, Any, bool]:
    """The function that does the work, with the arguments it gets: of a method, a partial, what limits its time.

    Also whether what it gives is run as a command.
    """
    command = False
    while type(function) is not FunctionType:
        kind = type(function)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if kind is MethodType:
            function, args = function.__func__, (function.__self__, *args)
        elif kind is partial:
            function, args, kwargs = function.func, (*function.args, *args), {**function.keywords, **kwargs}
        elif name in _WRAPPERS:
            function = function.func
        elif name == _COMMAND:
            function, command = function.func, True
        elif not isinstance(function, type) and isinstance(call := _call_of(kind), FunctionType):
            function, args = call, (function, *args)
        else:
            break
    return function, args, kwargs, command


def _call_of(kind: type) -> Any:
    """What runs when an instance of a class is called; None if nothing does."""
    return next((vars(each)["__call__"] for each in kind.__mro__ if "__call__" in vars(each)), None)
