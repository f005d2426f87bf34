"""The canonical form of a value: bytes that are equal for equal values, in every process, and different for others.

Plain values have the form that ``marshal`` gives them in its version 2, which has not changed since Python 2.5
(https://docs.python.org/3/library/marshal.html): self-delimiting, with a letter for each type, and without the shared
references of later versions. Lists, tuples, sets and dicts continue it: the members' forms behind a letter and a count,
those of sets and dicts sorted by their bytes. Everything else is a frame, which begins with a zero byte as no form of
marshal's does: a tag and parts, each with its length.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import singledispatch
from hashlib import blake2b
from marshal import dumps
from typing import Any
from weakref import WeakKeyDictionary

from parsl_like.memo.errors import MemoKeyError

Hasher = Callable[..., bytes]

VERSION = 2
"""Of marshal's format."""

ATOMS = frozenset({int, float, str, bytes, bool, type(None), complex, type(...)})
"""Types whose exact instances have the form that marshal gives them; nobody can register another."""

LONG = 1 << 20
"""Characters or bytes from which on only a digest of a text or of bytes is part of the form."""

_NAN = dumps(float("nan"), VERSION)


def framed(tag: bytes, *parts: bytes) -> bytes:
    """Parts that cannot run into each other, nor be taken for anything without the tag."""
    lengths = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return b"\0%c%s%s%s" % (len(tag), tag, len(parts).to_bytes(4, "big"), lengths)


def digest_of(data: Any) -> bytes:
    """32 bytes for many: BLAKE2b (RFC 7693) of bytes or of a contiguous buffer."""
    return blake2b(data, digest_size=32).digest()


def class_name(kind: type) -> bytes:
    """A class by module and qualified name."""
    return f"{kind.__module__}.{kind.__qualname__}".encode("utf-8", "surrogatepass")


# --- rules: types by name, so that nothing is imported for a type of which there is no value


@dataclass(frozen=True, slots=True)
class Rule:
    """How values of a type, or of several, are told apart.

    Args:
        hasher: ``hasher(value, output_ref) -> bytes``.
        inherited: Whether it is right for subclasses as well.
        constant: Whether values never change, so that one in a module counts as a part of the functions that use it.
    """

    hasher: Hasher
    inherited: bool = False
    constant: bool = True


RULES: dict[str, Rule] = {}
"""By module and qualified name of the type."""

_rules: WeakKeyDictionary[type, Rule | None] = WeakKeyDictionary()


def rule(*names: str, inherited: bool = False, constant: bool = True) -> Callable[[Hasher], Hasher]:
    """Make a function the rule for the types with these names.

    Args:
        *names: Modules and qualified names of types.
        inherited: Whether it is right for subclasses as well.
        constant: Whether values never change.
    """

    def enter(hasher: Hasher) -> Hasher:
        for name in names:
            RULES[name] = Rule(hasher, inherited, constant)
        OURS.add(hasher)
        return hasher

    return enter


def by_type(*kinds: type) -> Callable[[Hasher], Hasher]:
    """Make a function the registration for types that are there in any case."""

    def enter(hasher: Hasher) -> Hasher:
        for kind in kinds:
            id_for_memo.register(kind, hasher)
        OURS.add(hasher)
        return hasher

    return enter


def rule_of(kind: type) -> Rule | None:
    """The rule for the values of a class: its own, else the nearest inherited one."""
    try:
        return _rules[kind]
    except KeyError:
        found = _rules[kind] = _find_rule(kind)
        return found


def _find_rule(kind: type) -> Rule | None:
    for each in kind.__mro__:
        found = RULES.get(f"{each.__module__}.{each.__qualname__}")
        if found is not None and (found.inherited or each is kind):
            return found
    names = {name for each in kind.__mro__ for name in vars(each)}  # not those of the class's own class
    marks = sorted(names & MARKED.keys(), key=lambda mark: mark == "__call__")  # which says the least
    return MARKED[marks[0]] if marks else None


MARKED: dict[str, Rule] = {}
"""By the name of an attribute that classes have (``__dataclass_fields__``): rules for their instances."""

OURS: set[Hasher] = set()
"""What this package registers: its forms need no frame to be told from others."""


# --- any value


def form_of(value: Any, output_ref: bool = False) -> bytes:
    """The canonical form of a value.

    Args:
        value: Anything for which there is a rule, or a registration by the program.
        output_ref: Whether it stands for something the task makes, not for something it reads.

    Raises:
        MemoKeyError: nobody has said what tells values of its type, or of a type inside it, apart.
    """
    kind = type(value)
    if kind in ATOMS:
        return atom(value)
    hasher = id_for_memo.dispatch(kind)
    made = hasher(value, output_ref=True) if output_ref else hasher(value)
    if hasher in OURS:
        return made
    if not isinstance(made, bytes):
        name = getattr(hasher, "__qualname__", repr(hasher))
        raise MemoKeyError(f"{name}, registered for {kind.__qualname__}, gave {type(made).__name__}, not bytes")
    return framed(b"registered", class_name(kind), made)


def atom(value: Any) -> bytes:
    """The form of a value of one of :data:`ATOMS`."""
    kind = type(value)
    if kind is float:
        return dumps(value, VERSION) if value == value else _NAN  # noqa: PLR0124 - what is not itself is not a number
    if (kind is str or kind is bytes) and len(value) >= LONG:
        data = value.encode("utf-8", "surrogatepass") if kind is str else value
        return framed(b"long", kind.__name__.encode(), len(value).to_bytes(8, "big"), digest_of(data))
    return dumps(value, VERSION)


@singledispatch
def id_for_memo(obj: object, output_ref: bool = False) -> bytes:
    """Bytes by which an argument is told from others; equal for equal values, in every process.

    Programs register their own types: ``@id_for_memo.register(MyType)``. What is registered for a class holds for its
    subclasses; instances of different classes are never equal, whatever their bytes.

    Args:
        obj: The argument.
        output_ref: Whether it stands for something the task makes, not for something it reads.

    Raises:
        MemoKeyError: nobody has said what tells values of its type apart; it is a ValueError.
    """
    kind = type(obj)
    found = rule_of(kind)
    if found is not None:
        return found.hasher(obj, output_ref)
    if kind in ATOMS:
        return atom(obj)
    raise unknown(kind)


def unknown(kind: type) -> MemoKeyError:
    """Nobody has said what tells values of a type apart."""
    return MemoKeyError(
        f"unknown type for memoization: {kind.__name__} (of {kind.__module__})",
        hint=f"name the argument in ignore_for_cache, or say what tells its values apart: @id_for_memo.register("
        f"{kind.__name__}) on a function (value, output_ref=False) that returns bytes "
        "(from parsl_like.dataflow.memoization import id_for_memo).",
    )


OURS.add(id_for_memo.dispatch(object))


# --- members of containers


def sequence_form(letter: bytes, items: Any, output_ref: bool = False) -> bytes:
    """The form of a list or of a tuple, as marshal begins it: a letter, the length, the members.

    Args:
        letter: "[" or "(".
        items: The members; for plain ones in an exact list or tuple marshal does it all at once.
        output_ref: As for :func:`form_of`.
    """
    kinds = set(map(type, items))
    plain = kinds <= ATOMS and type(items) in (list, tuple)
    if plain and (float not in kinds or not any(map(operator.ne, items, items))):  # only no number is not itself
        with suppress(ValueError):  # longer than marshal writes
            return dumps(items, VERSION)
    forms = (_member(item, f"[{number}]", output_ref) for number, item in enumerate(items))
    return letter + len(items).to_bytes(4, "little") + b"".join(forms)


def mapping_form(items: Iterable[tuple[Any, Any]], output_ref: bool = False) -> bytes:
    """The form of a mapping whose order does not count."""
    pairs = sorted((_member(key, f"[{key!r}]"), _member(value, f"[{key!r}]", output_ref)) for key, value in items)
    return b"{" + b"".join(part for pair in pairs for part in pair) + b"0"


def _member(value: Any, step: str, output_ref: bool = False) -> bytes:
    try:
        return form_of(value, output_ref)
    except MemoKeyError as error:
        raise error.inside(step) from error.__cause__


def named_fields(kind: type, names: Iterable[str], value: object, output_ref: bool = False) -> bytes:
    """The form of an instance whose fields say all there is to say."""
    parts = []
    for name in names:
        parts += [name.encode(), _member(getattr(value, name), f".{name}", output_ref)]
    return framed(b"fields", class_name(kind), *parts)


def of_subclass(value: object, form: bytes, output_ref: bool = False) -> bytes:
    """The form of an instance of a program's subclass of a built-in type: class, content, attributes."""
    state = getattr(value, "__dict__", None)
    return framed(b"subclass", class_name(type(value)), form, mapping_form(state.items(), output_ref) if state else b"")
