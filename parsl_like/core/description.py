"""Inert descriptions: values that say what is wanted and touch nothing until a run opens them.

A user builds, compares, pickles, prints and changes descriptions freely. A run takes a *sealed copy*; only
sealed copies are read inside, so that later assignments by the user never reach a running kernel.
"""

from __future__ import annotations

import dataclasses
import difflib
import sys
import weakref
from collections.abc import Mapping
from typing import Any, Self

from parsl_like.core.fieldtypes import ANYTHING, Expected, either, expected
from parsl_like.errors import ConfigurationError

_OF_A_RUN = frozenset({"_live", "_origin", "_own_run", "_sealed"})
_PACKAGE = __name__.partition(".")[0]


class WrongType(ConfigurationError, TypeError):
    """A field of a description was given a value of a type that it cannot have.

    Args:
        field: The field, with its class.
        value: What was given.
        expected: What may stand there, in words.
    """


@dataclasses.dataclass
class Description:
    """The base of Config, executors, providers, launchers, channels and staging classes.

    Guarantees: building, changing, comparing, pickling and sealing one opens no file, socket or process;
    assignment to a field that does not exist is refused at once, naming the nearest field; ``repr`` evaluates back.
    The constructor refuses a value of a type that the field's annotation does not allow; what is assigned later is
    looked at when a run begins.

    A user's subclass that is not itself a dataclass may hold whatever attributes it likes; the types of fields that a
    user's class declares are its own affair. What no type can say, bounds and what fits together, is for ``check``. A
    field's metadata may have a ``refusal``: a function that makes the error for a wrong type from the value and a
    sentence.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            if self.__dict__.get("_sealed"):
                raise ConfigurationError(f"{type(self).__name__}.{name} cannot be changed: the run has started.")
            if _is_closed(type(self)) and name not in _field_names(type(self)):
                raise unknown_field(type(self), name)
            if name not in self.__dict__:  # the constructor speaks
                _refuse_wrong_type(type(self), name, value)
        object.__setattr__(self, name, value)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """

    def sealed(self) -> Self:
        """A checked copy of the whole tree, lists turned into tuples, that refuses every later assignment.

        Objects that are not descriptions or plain containers (launcher functions, arrays) are shared, not copied.
        """
        twin = object.__new__(type(self))
        for name, value in self._described().items():
            _refuse_wrong_type(type(self), name, value)
            object.__setattr__(twin, name, _seal(value))
        object.__setattr__(twin, "_origin", weakref.ref(self))
        twin.check()
        object.__setattr__(twin, "_sealed", True)
        return twin

    @property
    def is_sealed(self) -> bool:
        """Whether this is the copy a run reads."""
        return bool(self.__dict__.get("_sealed"))

    def __getstate__(self) -> dict[str, Any]:
        # Neither the seal nor live sessions travel: a pickled description is a description again.
        return self._described()

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    # --- the live session behind a description, known weakly ----------------------------------------------------

    def attach(self, session: object) -> None:
        """Let the description, and the one it was sealed from, answer questions through a running session."""
        for owner in (self, self._original()):
            if owner is not None:
                live = [ref for ref in owner.__dict__.get("_live", ()) if ref() is not None]
                object.__setattr__(owner, "_live", [*live, weakref.ref(session)])

    def detach(self, session: object) -> None:
        """Forget a session that has ended."""
        for owner in (self, self._original()):
            if owner is not None:
                live = [ref for ref in owner.__dict__.get("_live", ()) if ref() not in (None, session)]
                object.__setattr__(owner, "_live", live)

    def live_session(self) -> Any:
        """The one running session opened from this description.

        Raises:
            ConfigurationError: if none runs, or several do, so that "the" session cannot be said.
        """
        sessions = [s for s in (ref() for ref in self.__dict__.get("_live", ())) if s is not None]
        if len(sessions) == 1:
            return sessions[0]
        count = "no run" if not sessions else f"{len(sessions)} runs"
        raise ConfigurationError(f"{type(self).__name__} is used by {count} now; ask dfk.executors[label] instead.")

    def _described(self) -> dict[str, Any]:
        """What the user has said: fields, and in a class of the user's own the private attributes its methods read."""
        closed = _is_closed(type(self))
        return {
            name: value
            for name, value in self.__dict__.items()
            if not name.startswith("_") or not (closed or name in _OF_A_RUN)
        }

    def _original(self) -> Description | None:
        origin = self.__dict__.get("_origin")
        return origin() if origin is not None else None


def unknown_field(cls: type, name: str) -> ConfigurationError:
    """The error for a field that does not exist, naming the nearest one that does."""
    near = difflib.get_close_matches(name, _field_names(cls), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"its fields are {', '.join(sorted(_field_names(cls)))}."
    return ConfigurationError(f"{cls.__name__} has no field {name!r}.", hint=hint)


def _field_names(cls: type) -> set[str]:
    names: set[str] = cls.__dict__.get("_known_fields", set())
    if not names:
        names = {f.name for f in dataclasses.fields(cls)}
        names |= {name for klass in cls.__mro__ for name, value in vars(klass).items() if isinstance(value, property)}
        type.__setattr__(cls, "_known_fields", names)
    return names


def _is_closed(cls: type) -> bool:
    return "__dataclass_fields__" in cls.__dict__ and "__init__" in cls.__dict__


def _typed_fields(cls: type) -> Mapping[str, Expected]:
    """What may stand in the fields that this package declares; read from the annotations at the first use."""
    known: Mapping[str, Expected] | None = cls.__dict__.get("_known_types")
    if known is None:
        known = _read_types(cls)
        type.__setattr__(cls, "_known_types", known)
    return known


def _read_types(cls: type) -> dict[str, Expected]:
    nearest = next(klass for klass in cls.__mro__ if _is_closed(klass))
    if cls is not nearest and Description in nearest.__bases__:
        return {}  # a kind of a user's own, which has inherited fields that it need not use as they were meant
    types = {}
    for field in dataclasses.fields(nearest) if nearest is not Description else ():
        owner = _declarer(cls, field)
        if field.init and owner.__module__.partition(".")[0] == _PACKAGE:
            typed = _widened(expected(field.type, vars(sys.modules[owner.__module__])), field.default)
            if typed is not ANYTHING:
                types[field.name] = typed
    return types


def _declarer(cls: type, field: dataclasses.Field[Any]) -> type:
    """The class that says what a field is: a later one that has it in another way, else the one that declared it."""
    owner = cls
    for klass in cls.__mro__:
        if klass.__dict__.get("__dataclass_fields__", {}).get(field.name) is field:
            owner = klass
        elif field.name in klass.__dict__:
            break
    return owner


def _widened(typed: Expected, default: object) -> Expected:
    """A default may stand in its field, whatever the annotation says."""
    if default is dataclasses.MISSING or typed.accepts(default):
        return typed
    return either([typed, Expected(lambda value: value is default, repr(default), repr(default))])


def _refuse_wrong_type(cls: type, name: str, value: object) -> None:
    typed = _typed_fields(cls).get(name)
    if typed is None or typed.accepts(value):
        return
    refusal = cls.__dataclass_fields__[name].metadata.get("refusal")  # type: ignore[attr-defined]
    if refusal is not None:
        raise refusal(value, f"expected {typed.words}")
    raise WrongType(f"{cls.__name__}.{name}", value, typed.words)


def _seal(value: Any) -> Any:
    if isinstance(value, Description):
        return value.sealed()
    if type(value) in (list, tuple):
        return tuple(_seal(v) for v in value)
    if type(value) is dict:
        return {k: _seal(v) for k, v in value.items()}
    if type(value) is set:
        return frozenset(value)
    return value
