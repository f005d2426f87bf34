"""Defaults are Parsl's, or a row of the table of deliberate differences says why not; no row says what is not so."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from tests.api import surface
from tests.api.surface import DIFFERENCES, ENTRIES, ERRORS, complaints, listed, parameters, resolve, value_of

NOTHING = object()


def here(path: str, name: str) -> Any:
    """What an argument is here if it is not given; NOTHING if it has to be, or if it is an old name."""
    found = resolve(path)
    if "__dataclass_fields__" in vars(found):
        for field in dataclasses.fields(found):
            if field.name == name and field.default is not dataclasses.MISSING:
                return field.default
            if field.name == name and field.default_factory is not dataclasses.MISSING:
                return field.default_factory()
        return NOTHING
    signature = inspect.signature(found)
    parameter = signature.parameters.get(name)
    return NOTHING if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default


def same(first: Any, second: Any) -> bool:
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return list(first) == list(second)
    return bool(first == second)


@pytest.mark.parametrize("section", [name for name in surface.SECTIONS if name != "Errors"])
def test_defaults_agree_or_are_listed(section: str) -> None:
    def agrees(path: str, name: str, default: str) -> None:
        row, own = listed(path, name), here(path, name)
        if row is not None and default in row.parsl.split(" / "):
            assert row.here in (("gone",) if own is NOTHING else (repr(own),))
        else:
            assert own is not NOTHING, "it has no default here"
            assert same(own, value_of(default)), f"{own!r} here"

    defaults = {
        (entry.path, one.name, one.default): None
        for entry, version in surface.each(surface.section(section))
        for one in parameters(entry.signatures[version])
        if one.default is not None
    }
    assert complaints(agrees, defaults) == {}


# --- the table itself


def test_every_row_has_a_reason() -> None:
    assert [row for row in DIFFERENCES if len(row.why.split()) < 3 or not row.here] == []


def test_every_pattern_of_a_row_says_something() -> None:
    """A row about what is not so any more, or never was, has to go."""
    names = {entry.path for entry in [*ENTRIES, *ERRORS]}
    useless = []
    for row in DIFFERENCES:
        for pattern in row.where.split():
            paths = [path for path in names if surface.fnmatch.fnmatchcase(path, pattern)]
            if not paths or not any(differs(path, row) for path in paths):
                useless.append((pattern, row.what))
    assert useless == []


def differs(path: str, row: surface.Difference) -> bool:
    """Whether what a row says is so of a path."""
    (entry,) = [entry for entry in [*ENTRIES, *ERRORS] if entry.path == path]
    if row.what.startswith(("(", "method ", "attribute ")):
        return True  # the tests of arguments, methods and errors see to these
    said = {one.default for text in entry.signatures.values() for one in parameters(text) if one.name == row.what}
    own = here(path, row.what)
    return any(default in row.parsl.split(" / ") for default in said if default) and not all(
        default and own is not NOTHING and same(own, value_of(default)) for default in said
    )


def test_a_default_that_differs_would_be_seen() -> None:
    assert not same(here("config.Config", "retries"), value_of("1"))
    assert same(here("config.Config", "retries"), value_of("0"))
    assert here("config.Config", "no_such_argument") is NOTHING
