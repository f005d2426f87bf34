"""Inert descriptions: values that say what is wanted and touch nothing until a run opens them.

A user builds, compares, pickles, prints and changes descriptions freely. A run takes a *sealed copy*; only
sealed copies are read inside, so that later assignments by the user never reach a running kernel.
"""

from __future__ import annotations

import dataclasses
import difflib
import weakref
from typing import Any, Self

from parsl_like.errors import ConfigurationError

_OF_A_RUN = frozenset({"_live", "_origin", "_own_run", "_sealed"})


@dataclasses.dataclass
class Description:
    """The base of Config, executors, providers, launchers, channels and staging classes.

    Guarantees: building, changing, comparing, pickling and sealing one opens no file, socket or process;
    assignment to a field that does not exist is refused at once, naming the nearest field; ``repr`` evaluates back.
    A user's subclass that is not itself a dataclass may hold whatever attributes it likes.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            if self.__dict__.get("_sealed"):
                raise ConfigurationError(f"{type(self).__name__}.{name} cannot be changed: the run has started.")
            if _is_closed(type(self)) and name not in _field_names(type(self)):
                raise unknown_field(type(self), name)
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
