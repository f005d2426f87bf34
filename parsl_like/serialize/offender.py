"""Finds the part of a value that keeps it from being sent. Only ever runs when something has failed.

Works as pickling does: asks an object what it is reduced to, tries each part, and goes on with the first that is
refused, until no part of an object is refused but the object itself is.
"""

from __future__ import annotations

import sys
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from parsl_like.errors import SerializationError
from parsl_like.serialize.pickles import PROTOCOL, refusal
from parsl_like.serialize.text import bounded, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Parts = Iterator[tuple[str, object]]

MAX_STEPS = 50
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})


def refused(value: object, what: str, root: str, cause: BaseException | None) -> SerializationError:
    """The error that names what cannot be sent, the way to the offending part of it, and the reason.

    Args:
        value: What was refused.
        what: Its name in a sentence, like ``argument 'x'``.
        root: Its name at the head of the path, like ``args[1]``.
        cause: What the serialiser said.
    """
    if cause is None or _is_too_deep(cause):
        return SerializationError(what, None, _TOO_DEEP.format(sys.getrecursionlimit()) if cause else "no reason given")
    path, reason = root, cause
    way: list[object] = [value]  # also keeps parts made on the way alive, so that none gets the id of another
    while len(way) < MAX_STEPS and not _is_too_deep(reason) and (found := _first_refused(way)):
        label, part, reason = found
        path = path + label if label[0] in ".[" or not path else f"{path}, {label}"
        way.append(part)
    if _is_too_deep(reason):
        return SerializationError(what, path, _TOO_DEEP.format(sys.getrecursionlimit()))
    return SerializationError(what, path or None, f"{describe(reason)} ({_kind(way[-1])})")


_TOO_DEEP = "it is nested more deeply than this interpreter's recursion limit of {} allows; flatten it"


def _first_refused(way: list[object]) -> tuple[str, object, BaseException] | None:
    """The first part of the last object on the way that is refused too: its name, itself and why; None if none is."""
    for label, part in _parts(way[-1]):
        if type(part) not in _ATOMS and not any(part is other for other in way):
            failure = refusal(part)
            if failure is not None:
                return label, part, failure
    return None


def _is_too_deep(error: BaseException) -> bool:
    return isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError)


def _kind(value: object) -> str:
    """What an offender is, for whoever does not know it by its path."""
    try:
        # Not of what makes attributes up when it is asked for them, as futures of apps do: each would be a task.
        named = hasattr(type(value), "name") or "name" in getattr(value, "__dict__", ())
        name = value.name if named else None  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - most have none, and what they have is foreign code
        name = None
    shown = f" {bounded(name, 200)!r}" if isinstance(name, str) else ""
    return f"an object of type {type(value).__name__}{shown}"


def _parts(value: object) -> Parts:
    """What pickling the value goes on to, each with its name as the tail of a path."""
    try:
        for kind, parts in _KNOWN:
            if isinstance(value, kind):
                yield from parts(value)
                return
        yield from _reduced(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - attributes and reducers are foreign code: what they do not give ends the way
        return


def _items(value: dict[Any, Any]) -> Parts:
    for key, item in value.items():
        yield f"key {_short(key)}", key
        yield f"[{_short(key)}]", item
    if type(value) is not dict:
        yield from _reduced(value)


def _elements(value: Iterable[object]) -> Parts:
    for index, item in enumerate(value):
        yield f"[{index}]", item
    if type(value) not in (list, tuple):
        yield from _reduced(value)


def _members(value: Iterable[object]) -> Parts:
    for item in value:
        yield f"element {_short(item)}", item


def _of_function(function: FunctionType) -> Parts:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        yield f"closure variable {name!r}", _contents(cell)
    names = _global_names(function.__code__)
    for name in sorted(names & function.__globals__.keys()):
        if function.__globals__[name] is not function:
            yield f"global variable {name!r}", function.__globals__[name]
    defaults = function.__defaults__ or ()
    positional = function.__code__.co_varnames[: function.__code__.co_argcount]
    for name, default in zip(positional[len(positional) - len(defaults) :], defaults, strict=False):
        yield f"default of {name!r}", default
    for name, default in (function.__kwdefaults__ or {}).items():
        yield f"default of {name!r}", default
    yield from _attributes(function.__dict__)
    yield from ((f"annotation of {name!r}", note) for name, note in function.__annotations__.items())


def _contents(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return None


def _global_names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names


def _of_method(method: MethodType) -> Parts:
    yield ".__self__", method.__self__
    yield ".__func__", method.__func__


def _of_partial(value: partial[Any]) -> Parts:
    yield ".func", value.func
    yield from ((f".args[{index}]", item) for index, item in enumerate(value.args))
    yield from ((f".keywords[{name!r}]", item) for name, item in value.keywords.items())


def _of_class(cls: type) -> Parts:
    for name, item in vars(cls).items():
        if name not in ("__dict__", "__weakref__"):
            yield f".{name}", getattr(item, "__func__", item)
    yield from ((f"base {base.__name__}", base) for base in cls.__bases__)


def _reduced(value: object) -> Parts:
    recipe = value.__reduce_ex__(PROTOCOL)
    if not isinstance(recipe, tuple):
        return
    whole: list[Any] = [*recipe, None, None, None, None]
    arguments, state, listed, keyed = whole[1:5]
    for attributes in state if isinstance(state, tuple) else (state,):
        if isinstance(attributes, dict):
            yield from _attributes(attributes)
        elif attributes is not None:
            yield ".__getstate__()", attributes
    yield from ((f"[{index}]", item) for index, item in enumerate(listed or ()))
    yield from ((f"[{_short(key)}]", item) for key, item in keyed or ())
    yield from ((f"constructor argument {index}", item) for index, item in enumerate(arguments or ()))


def _attributes(attributes: dict[str, object]) -> Parts:
    return ((f".{name}", item) for name, item in attributes.items())


def _short(value: object) -> str:
    try:
        return bounded(repr(value), 80)
    except Exception:  # noqa: BLE001 - the object, and so its ``__repr__``, is the user's
        return f"<{type(value).__name__}>"


_KNOWN: tuple[tuple[Any, Callable[[Any], Parts]], ...] = (
    (dict, _items),
    ((list, tuple), _elements),
    ((set, frozenset), _members),
    (FunctionType, _of_function),
    (MethodType, _of_method),
    (partial, _of_partial),
    (type, _of_class),
)
