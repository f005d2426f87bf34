"""The keys that Parsl gives a call, so that results which Parsl has written can be found, and ours by Parsl.

Found out by asking Parsl 2026.10.26 and 1.2.0 for ``id_for_memo`` of values and comparing with the keys in their
checkpoints: an MD5 of what stands for the outputs, if there are any, the keyword arguments, the function, and the
positional arguments. Today's Parsl knows a function by its name and its module (of a bash app always ``functools``), so
a result is found although the function has been changed since. Version 1.2 knows it by its source, decorators included.
"""

from __future__ import annotations

import inspect
import pickle
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import md5
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ParslError
from parsl_like.memo.canonical import OURS, id_for_memo
from parsl_like.memo.entries import PARSL_PART
from parsl_like.remote.bash import BashCommand
from parsl_like.remote.capture import Captured
from parsl_like.remote.timeout import Walltimed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from parsl_like.memo.entries import Parts
    from parsl_like.memo.keys import Call

    Identify = Callable[[Any, bool], bytes]

_PICKLED: Final = frozenset({str, int, float, bool, type(None)})
_OURS_IN_SOURCE: Final = re.compile(r"\bparsl_like\b")
_NO: Final = inspect.Parameter("_", inspect.Parameter.KEYWORD_ONLY)
_STREAMS: Final = ("stdout", "stderr", "walltime", "parsl_resource_specification")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one version of Parsl makes keys, on one version of Python.

    Attributes:
        protocol: That of the pickles: the interpreter's default.
        prefix: What stands before each of them.
        taken: Names of parameters whose defaults count as if the call had said so.
        by_source: Whether a function counts by its source.
        as_parsl: Whether the source is taken as it was before a program's imports were rewritten for this package.
    """

    protocol: int
    prefix: bytes = b""
    taken: tuple[str, ...] = ("inputs", "outputs", *_STREAMS)
    by_source: bool = False
    as_parsl: bool = False

    def pickled(self, value: Any) -> bytes:
        """The pickle of a value."""
        return self.prefix + pickle.dumps(value, self.protocol)

    def function(self, function: Any, module: str | None = None) -> bytes:
        """What stands for a function.

        Args:
            function: The function.
            module: Its module, if not its own counts.

        Raises:
            OSError: its source is needed and cannot be had.
            TypeError, AttributeError: it is no function.
        """
        if not self.by_source:
            return self.pickled(["types.FunctionType", function.__name__, module or function.__module__])
        source = inspect.getsource(function)
        if self.as_parsl:
            source = _OURS_IN_SOURCE.sub("parsl", source)
        return self.pickled(source.encode())


def _of_1_2(protocol: int, *, as_parsl: bool) -> Dialect:
    return Dialect(protocol, b"01\n", _STREAMS, by_source=True, as_parsl=as_parsl)


TODAY: Final = Dialect(4)
"""Of Parsl on the versions of Python before 3.14."""
DIALECTS: Final = (
    TODAY,
    *([Dialect(pickle.DEFAULT_PROTOCOL)] if TODAY.protocol != pickle.DEFAULT_PROTOCOL else []),
    *(_of_1_2(protocol, as_parsl=as_parsl) for protocol in (4, 3) for as_parsl in (False, True)),
)


def parsl_key(
    function: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    ignored: Iterable[str] = (),
    identify: Identify | None = None,
    *,
    bash: bool = False,
    dialect: Dialect = TODAY,
) -> str | None:
    """The key that Parsl gives a call; None if Parsl would refuse to give it one, or it is not known which.

    Args:
        function: The function as the program wrote it.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        ignored: Names of keyword arguments that do not count.
        identify: ``id_for_memo(value, output_ref)`` for types that a program has registered; it raises ValueError, or
            an error of this package, for those that nobody has.
        bash: Whether it is a bash app's.
        dialect: Which Parsl.
    """
    if bash and dialect.by_source:
        return None  # what such an app is known by there was not found out
    parts = []
    try:
        counted = {**_defaults(function, dialect.taken), **kwargs}
        for name in ignored:
            counted.pop(name, None)
        if "outputs" in counted:
            parts.append(_identity(dialect, counted.pop("outputs"), identify, output_ref=True))
        parts.append(_identity(dialect, counted, identify))
        parts.append(dialect.function(function, "functools" if bash else None))
        parts.append(_identity(dialect, tuple(args), identify))
    except (AttributeError, ValueError, TypeError, OSError, ParslError):  # unknown types, names that have no order
        return None
    return md5(b"".join(parts), usedforsecurity=False).hexdigest()


def parsl_keys_of(call: Call) -> Iterator[str]:
    """The keys that versions of Parsl give a call of ours, today's first; none twice.

    There are none for a call with a version or an environment: Parsl knows neither, and so may have kept the result of
    another one.

    Args:
        call: The call, with the values of all futures in place.
    """
    if call.version is not None or call.environment is not None:
        return
    function, bash = _unwrapped(call.function)
    given = set[str]()
    for dialect in DIALECTS:
        key = parsl_key(function, call.args, call.kwargs, call.ignored, _registered, bash=bash, dialect=dialect)
        if key is not None and key not in given:
            given.add(key)
            yield key


def parsl_part(call: Call) -> Parts:
    """The part of a key by which today's Parsl finds a result; none where it would refuse to, or find another one."""
    key = next(parsl_keys_of(call), None)
    return () if key is None else ((PARSL_PART, bytes.fromhex(key)),)


def parsl_key_of(call: Call) -> str | None:
    """The key that today's Parsl gives a call of ours; None if it would refuse to give it one."""
    function, bash = _unwrapped(call.function)
    return parsl_key(function, call.args, call.kwargs, call.ignored, _registered, bash=bash)


def _unwrapped(function: Any) -> tuple[Any, bool]:
    """The function as the program wrote it, and whether what it returns is run as a command."""
    bash = False
    while isinstance(function, Captured | Walltimed | BashCommand):
        bash = bash or isinstance(function, BashCommand)
        function = function.func
    return function, bash


def _registered(value: Any, output_ref: bool) -> bytes:
    """What a program has registered for a type, for Parsl as for us; our own rules are not Parsl's."""
    hasher = id_for_memo.dispatch(type(value))
    if hasher in OURS:
        raise ValueError(f"Parsl knows no key for a {type(value).__name__}")
    return bytes(hasher(value, output_ref=output_ref))


@lru_cache(maxsize=1024)
def _defaults(function: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """What Parsl takes from a function's signature as if the call had said so."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    empty = inspect.Parameter.empty
    return {name: parameters[name].default for name in names if parameters.get(name, _NO).default is not empty}


def _identity(dialect: Dialect, value: Any, identify: Identify | None, *, output_ref: bool = False) -> bytes:
    kind = type(value)
    if kind in _PICKLED:
        return dialect.pickled(value)
    if kind is list or kind is tuple:
        return dialect.pickled([_identity(dialect, part, identify, output_ref=output_ref) for part in value])
    if kind is dict:
        parts: list[bytes] = []
        for key in sorted(value):
            parts.append(_identity(dialect, key, identify))
            parts.append(_identity(dialect, value[key], identify, output_ref=output_ref))
        return dialect.pickled(parts)
    if kind is FunctionType:
        return dialect.function(value)
    if identify is None:
        raise ValueError(f"Parsl knows no key for a {kind.__name__}")
    return identify(value, output_ref)
