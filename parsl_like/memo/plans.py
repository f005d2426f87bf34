"""What the keys of all calls of one function have in common, found out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from types import FunctionType
from typing import Any

from parsl_like.memo.bytecode import code_form
from parsl_like.memo.canonical import class_name, form_of, framed
from parsl_like.memo.errors import MemoKeyError
from parsl_like.memo.functions import EMPTY, Walk, globals_of, module_of, variables_of

PART = 16
"""Bytes of the digest of a part."""

NOT_COUNTED = frozenset(
    (
        "walltime",
        "parsl_resource_specification",
        "parsl_like_resource_specification",
        "_parsl_staging_inhibit",
        "_parsl_like_staging_inhibit",
    )
)
"""Keyword arguments that say how to run a call; they only count for a function that has a parameter of the name."""

MADE = frozenset(("outputs", "stdout", "stderr"))
"""Arguments that name what the task makes: the place counts, not what is there."""

MOST_GLOBALS = 16
"""Globals of one function that are parts of their own; more than these are one part together, as each key has all."""

Slot = tuple[str, bytes, bool, bool]
"""Of a positional argument: label, the label in the key, whether it names what the task makes, whether it counts."""


class Plan:
    """A function as keys know it: its own parts of them, and the names of its arguments.

    Args:
        function: The function.
        name: The name of the app.
        ignored: Names of parameters and keyword arguments that do not count.
        version: The version of the function by the program's own word, or None.
        environment: What else must be equal, or None.
        command: Whether what it gives is run as a command.

    Attributes:
        head: The parts that do not depend on the arguments.
        prefix: They as bytes.
        slots: Positional arguments.

    Raises:
        MemoKeyError: the function cannot be told from others.
    """

    def __init__(
        self,
        function: Any,
        name: str,
        ignored: frozenset[str],
        version: str | None,
        environment: bytes | None,
        *,
        command: bool = False,
    ) -> None:
        self.function = function  # so that nothing else gets its identity
        self.app = name
        self.ignored = ignored
        self.slots: list[Slot] = []
        self._parameters: tuple[tuple[str, str], ...] = ()
        self._positional = 0
        self._only_positional = 0
        self._defaults: dict[str, Any] = {}
        self._default_digests: dict[str, bytes] = {}
        self._tails: dict[int, tuple[tuple[tuple[str, bytes], ...], bytes]] = {}
        self._more = self._others = True
        if isinstance(function, FunctionType):
            self._read_parameters(function)
        try:
            own = _function_parts(function, version, command)
        except Exception as error:  # registered functions are the program's own
            raise refused(error, name, "function", "give the app a version=, by which it is known then.") from error
        head = [("name", digest(form_of(name))), *own]
        if environment is not None:
            head.append(("environment", digest(environment)))
        self.head = tuple(head)
        self.prefix = joined(self.head)

    def _read_parameters(self, function: FunctionType) -> None:
        code, names = function.__code__, function.__code__.co_varnames
        count = code.co_argcount + code.co_kwonlyargcount
        self._positional, self._only_positional = code.co_argcount, code.co_posonlyargcount
        shown = [str(number) if number < self._only_positional else name for number, name in enumerate(names[:count])]
        self._parameters = tuple((name, f"argument {each}") for name, each in zip(names, shown, strict=False))
        for name, label in self._parameters[: self._positional]:
            self.slots.append((label, framed_label(label), name in MADE, name not in self.ignored))
        defaults = function.__defaults__ or ()
        self._defaults = dict(zip(names[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True))
        self._defaults.update(function.__kwdefaults__ or {})
        collecting = iter(names[count:])
        if code.co_flags & 4:  # *args
            self._more = next(collecting) not in self.ignored
        if code.co_flags & 8:  # **kwargs
            self._others = next(collecting) not in self.ignored

    def lengthen(self, length: int) -> None:
        """Have slots for more positional arguments than there are parameters."""
        labels = [f"argument {number}" for number in range(len(self.slots), length)]
        more = [(label, framed_label(label), False, self._more) for label in labels]
        self.slots = [*self.slots, *more]  # made anew: several threads may be at it

    # --- what a call does not give by position

    def tail(self, given: int) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
        """The parts for parameters that a call without keyword arguments leaves out, also as bytes.

        Args:
            given: How many positional arguments there are.

        Raises:
            MemoKeyError: a default cannot be told from others.
        """
        found = self._tails.get(given)
        if found is None:
            parts = tuple(self.rest(given, {}))
            found = self._tails[given] = parts, joined(parts)
        return found

    def rest(self, given: int, kwargs: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
        """The parts for keyword arguments and for defaults: parameters in their order, then other names in theirs.

        Args:
            given: How many positional arguments there are.
            kwargs: The keyword arguments.

        Raises:
            MemoKeyError: a value cannot be told from others.
        """
        own = set()
        for number, (name, label) in enumerate(self._parameters):
            if number >= self._only_positional:
                own.add(name)
            if (number < given and number < self._positional) or name in self.ignored:
                continue
            if name in kwargs and number >= self._only_positional:
                yield label, self._digest(kwargs[name], label, form_of, name in MADE)
            elif name in self._defaults:
                yield label, self._default(name, label)
        for name in sorted(kwargs.keys() - own - self.ignored - NOT_COUNTED) if self._others else ():
            if name not in MADE or kwargs[name] is not None:
                label = f"argument {name}" if name.isidentifier() else f"argument {name!r}"
                yield label, self._digest(kwargs[name], label, form_of, name in MADE)

    def _default(self, name: str, label: str) -> bytes:
        known = self._default_digests.get(name)
        if known is None:
            known = self._default_digests[name] = self._digest(self._defaults[name], label, Walk().value_or_pickle)
        return known

    def _digest(self, value: Any, label: str, form: Callable[..., bytes], *made: bool) -> bytes:
        try:
            return digest(form(value, *made))
        except Exception as error:  # registered functions are the program's own
            raise refused(error, self.app, label) from error


# --- the function


def _function_parts(function: Any, version: str | None, command: bool) -> list[tuple[str, bytes]]:
    mark = b"command" if command else b""
    plain = isinstance(function, FunctionType)
    if version is not None:
        data = _data_around(function) if plain else b""
        return [("version", digest(framed(b"version", mark, form_of(version), data)))]
    if not plain:
        return [("function", digest(framed(b"callable", mark, form_of(function))))]
    code = code_form(function.__code__)
    parts = [("function", digest(framed(b"function", mark, code.form)))]
    parts += [
        (f"variable {name}", digest(_walk_from(function).variable(name, value, function)))
        for name, value in variables_of(function)
    ]
    others = tuple(
        (f"global {name}", digest(_walk_from(function).of_module(value, module_of(function))))
        for name, value in globals_of(function, code)
    )
    return parts + (list(others) if len(others) <= MOST_GLOBALS else [("globals", digest(joined(others)))])


def _walk_from(function: FunctionType) -> Walk:
    walk = Walk()
    walk.met(function)
    return walk


def _data_around(function: FunctionType) -> bytes:
    """What a function with a version closes over: two that one factory has made for other data are not the same."""
    forms = []
    for _, value in variables_of(function):
        if value is EMPTY or isinstance(value, FunctionType | type):
            continue
        try:
            forms.append(form_of(value))
        except MemoKeyError:  # the version speaks for what nobody can tell from others
            forms.append(class_name(type(value)))
    return framed(b"variables", *forms)


# --- parts


def digest(form: bytes) -> bytes:
    """The digest of a part."""
    return blake2b(form, digest_size=PART).digest()


def framed_label(label: str) -> bytes:
    """A label as it is in a key, before its digest."""
    data = label.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(2, "big") + data


def joined(parts: tuple[tuple[str, bytes], ...]) -> bytes:
    """Parts as they are in a key."""
    return b"".join(framed_label(label) + part for label, part in parts)


def refused(error: Exception, app: str, what: str, hint: str | None = None) -> MemoKeyError:
    """Why a call has no key, with the argument at fault."""
    if isinstance(error, MemoKeyError):
        told = error.of(app, what)
    elif isinstance(error, RecursionError):
        told = MemoKeyError("it contains itself, or is nested too deeply", app=app, argument=what)
    else:
        reason = f"what tells its values apart raised {type(error).__name__}: {error}"
        told = MemoKeyError(reason, app=app, argument=what)
    if hint is not None:
        told.hint = hint
    return told
