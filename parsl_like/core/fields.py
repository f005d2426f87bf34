"""What may stand in a description's field: one sentence for each kind of value, and the error that says it."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

from parsl_like.errors import ConfigurationError

_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):(\d+):(\d+)")


def expect(description: object, name: str, good: bool, expected: str) -> None:
    """Refuse a field's value unless it is good.

    Raises:
        ConfigurationError: naming the field, its value and what was expected.
    """
    if not good:
        raise ConfigurationError(f"{type(description).__name__}.{name}", getattr(description, name), expected)


def own_containers(description: Any) -> None:
    """Give the description lists and dicts of its own: what a program does to those it passed changes nothing here."""
    for f in dataclasses.fields(description):
        value = getattr(description, f.name)
        if type(value) in (list, dict):
            setattr(description, f.name, value.copy())


# --- one value --------------------------------------------------------------------------------------------------


def is_whole(value: Any, least: int = 0, most: float = math.inf) -> bool:
    """Whether a value is a whole number within bounds; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_number(value: Any, above: float = -math.inf) -> bool:
    """Whether a value is a finite number greater than ``above``; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > above


def is_path(value: Any) -> bool:
    """Whether a value is text or path-like, and not empty."""
    if isinstance(value, str):
        return value != ""
    fspath = getattr(type(value), "__fspath__", None)
    return fspath is not None and fspath(value) not in ("", b"")


def walltime_seconds(walltime: str) -> int:
    """The seconds that a walltime of the form ``[days-]hours:minutes:seconds`` says.

    Raises:
        ValueError: it has another form.
    """
    match = _WALLTIME.fullmatch(walltime.strip())
    if match is None:
        raise ValueError(f"{walltime!r} is not of the form [days-]hours:minutes:seconds")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


# --- fields of a description ------------------------------------------------------------------------------------


def expect_whole(description: object, *names: str, least: int = 0, optional: bool = False) -> None:
    """Refuse fields that are no whole numbers of at least ``least`` (or None, if ``optional``)."""
    for name in names:
        value = getattr(description, name)
        good = is_whole(value, least) or (optional and value is None)
        expect(description, name, good, f"a whole number of at least {least}{_or_none(optional)}")


def expect_positive(description: object, *names: str, optional: bool = False) -> None:
    """Refuse fields that are no numbers above 0 (or None, if ``optional``)."""
    for name in names:
        value = getattr(description, name)
        good = is_number(value, 0) or (optional and value is None)
        expect(description, name, good, f"a number above 0{_or_none(optional)}")


def expect_flag(description: object, *names: str) -> None:
    """Refuse fields that are neither True nor False."""
    for name in names:
        expect(description, name, isinstance(getattr(description, name), bool), "True or False")


def expect_text(description: object, *names: str, optional: bool = False) -> None:
    """Refuse fields that are no text (or None, if ``optional``)."""
    for name in names:
        value = getattr(description, name)
        good = isinstance(value, str) or (optional and value is None)
        expect(description, name, good, f"text{_or_none(optional)}")


def expect_word(description: object, *names: str, optional: bool = False) -> None:
    """Refuse fields that are no text, or an empty one (or None, if ``optional``)."""
    for name in names:
        value = getattr(description, name)
        good = (isinstance(value, str) and bool(value.strip())) or (optional and value is None)
        expect(description, name, good, f"text that is not empty{_or_none(optional)}")


def expect_path(description: object, *names: str, optional: bool = True) -> None:
    """Refuse fields that are no paths (or None, unless ``optional`` is False)."""
    for name in names:
        value = getattr(description, name)
        good = is_path(value) or (optional and value is None)
        expect(description, name, good, f"{'None or ' if optional else ''}a path")


def expect_port(description: object, *names: str, optional: bool = True) -> None:
    """Refuse fields that are no port's number (nor None, unless ``optional`` is False)."""
    for name in names:
        value = getattr(description, name)
        good = is_whole(value, 1, 65535) or (optional and value is None)
        expect(description, name, good, f"{'None or ' if optional else ''}a port from 1 to 65535")


def expect_port_range(description: object, *names: str) -> None:
    """Refuse fields that are no pairs of ports, the lower one first."""
    for name in names:
        value = getattr(description, name)
        pair = isinstance(value, list | tuple) and len(value) == 2 and all(is_whole(port, 1, 65535) for port in value)
        expect(description, name, pair and value[0] <= value[1], "two ports from 1 to 65535, the lower one first")


def expect_callable(description: object, *names: str) -> None:
    """Refuse fields that are neither None nor can be called."""
    for name in names:
        value = getattr(description, name)
        expect(description, name, value is None or callable(value), "None or a function")


def expect_walltime(description: object, name: str = "walltime") -> None:
    """Refuse a field that is no walltime."""
    value = getattr(description, name)
    good = isinstance(value, str) and _WALLTIME.fullmatch(value.strip()) is not None
    expect(description, name, good, "a time as '[days-]hours:minutes:seconds'")


def _or_none(optional: bool) -> str:
    return " or None" if optional else ""
