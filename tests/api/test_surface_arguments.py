"""Constructors and functions take the arguments of both versions: by keyword, and by position where that can be."""

from __future__ import annotations

import inspect
import pickle
import warnings
from typing import Any

import pytest

from parsl_like.core.description import Description
from tests.api import surface
from tests.api.probes import probe, usual
from tests.api.surface import (
    ENTRIES,
    ERRORS,
    Entry,
    Parameter,
    Version,
    complaints,
    listed,
    named,
    parameters,
    resolve,
)

ORDER = "(order of 1.2)"
SIGNATURE = "(constructor)"


def is_description(entry: Entry) -> bool:
    try:
        found = resolve(entry.path)
    except ImportError:  # for the tests to tell
        return False
    return isinstance(found, type) and issubclass(found, Description) and "__dataclass_fields__" in vars(found)


DESCRIPTIONS = [entry for entry in ENTRIES if is_description(entry)]
OTHERS = [entry for entry in ENTRIES if not is_description(entry)]


def quietly(make: Any, *args: Any, **kwargs: Any) -> Any:
    """What is made; old names may warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        return make(*args, **kwargs)


def keywords(entry: Entry, version: Version) -> list[Parameter]:
    return [one for one in parameters(entry.signatures[version]) if not one.variable]


# --- what describes something is built


@pytest.mark.parametrize(("entry", "version"), surface.each(DESCRIPTIONS), ids=named)
def test_a_description_takes_every_argument_with_its_default(entry: Entry, version: Version) -> None:
    quietly(resolve(entry.path), **{one.name: usual(one) for one in keywords(entry, version)})


@pytest.mark.parametrize(("entry", "version"), surface.each(DESCRIPTIONS), ids=named)
def test_a_description_keeps_what_it_is_given(entry: Entry, version: Version) -> None:
    given = {one.name: probe(one, number) for number, one in enumerate(keywords(entry, version))}
    built = quietly(resolve(entry.path), **given)
    for name, value in given.items():
        if version == "newest" and not name.startswith("_"):
            kept = getattr(built, name)
            assert (list(kept) if isinstance(kept, tuple) else kept) == (
                list(value) if isinstance(value, tuple) else value
            )
    assert pickle.loads(pickle.dumps(built)) == built


@pytest.mark.parametrize(("entry", "version"), surface.each(DESCRIPTIONS), ids=named)
def test_a_description_takes_them_by_position(entry: Entry, version: Version) -> None:
    """In the order of the newest version; in that of 1.2 as far as the table of differences does not say otherwise."""
    ordered = [one for one in keywords(entry, version) if one.positional]
    if version == "legacy":
        ordered = ordered[: agreed(entry)]
    values = [probe(one, number) for number, one in enumerate(ordered)]
    needed = {one.name: probe(one, 0) for one in keywords(entry, version) if one.default is None and not one.positional}
    cls = resolve(entry.path)
    by_name = quietly(cls, **dict(zip((one.name for one in ordered), values, strict=True)), **needed)
    assert quietly(cls, *values, **needed) == by_name


def agreed(entry: Entry) -> int:
    """How many arguments of 1.2 may be positional."""
    old = [one.name for one in parameters(entry.signatures["legacy"]) if one.positional]
    row = listed(entry.path, ORDER)
    if row is None:
        return len(old)
    return int(row.here.split()[1])


@pytest.mark.parametrize(
    "entry", [entry for entry in DESCRIPTIONS if len(entry.signatures) == 2 and listed(entry.path, ORDER)], ids=named
)
def test_a_listed_conflict_of_orders_is_one(entry: Entry) -> None:
    """What is said to be positional in both is so in both, and what follows differs."""
    old, new = (
        [one.name for one in parameters(entry.signatures[version]) if one.positional]
        for version in ("legacy", "newest")
    )
    count = agreed(entry)
    assert count < len(old)
    assert old[count:] != new[count : len(old)]


GATHERING = "executors.radical.RadicalPilotExecutor"
"""What it does not know describes the pilot."""


@pytest.mark.parametrize(
    ("entry", "version"), surface.each([entry for entry in DESCRIPTIONS if entry.path != GATHERING]), ids=named
)
def test_an_argument_that_neither_version_has_is_refused_with_the_nearest(entry: Entry, version: Version) -> None:
    known = keywords(entry, version)
    for one in known or [Parameter("debug", inspect.Parameter.POSITIONAL_OR_KEYWORD, None)]:
        wrong = f"{one.name}z"
        needed = {other.name: usual(other) for other in known if other.default is None}
        with pytest.raises(TypeError, match=rf"'{wrong}'") as caught:
            resolve(entry.path)(**needed, **{wrong: 1})
        if one.name in vars(resolve(entry.path))["__dataclass_fields__"]:
            assert "did you mean" in str(caught.value), one.name


# --- what acts is only looked at


@pytest.mark.parametrize(("entry", "version"), surface.each(OTHERS), ids=named)
def test_a_function_takes_every_argument(entry: Entry, version: Version) -> None:
    row = listed(entry.path, SIGNATURE)
    if row is not None and entry.signatures[version] in row.parsl.split(" / "):
        return
    signature = inspect.signature(resolve(entry.path))
    known = keywords(entry, version)
    signature.bind(**{one.name: one.name for one in known})
    ordered = [one.name for one in known if one.positional]
    needed = {one.name: one.name for one in known if not one.positional}
    bound = signature.bind(*ordered, **needed)
    assert all(name == value for name, value in bound.arguments.items() if value in ordered)


@pytest.mark.parametrize("version", surface.VERSIONS)
def test_an_error_is_made_of_the_same_facts_and_survives_pickling(version: Version) -> None:
    def is_made(entry: Entry) -> None:
        known = keywords(entry, version)
        facts: dict[str, Any] = {one.name: FACTS.get(one.name, one.name) for one in known}
        found = resolve(entry.path)
        needed = {one.name: facts[one.name] for one in known if not one.positional}
        error = found(*[facts[one.name] for one in known if one.positional], **needed)
        if version == "newest":
            assert type(found(**facts)) is type(error)
        if isinstance(error, BaseException):
            copy = pickle.loads(pickle.dumps(error))
            assert (type(copy), str(copy)) == (type(error), str(error))
            assert [name for name in facts if not hasattr(copy, name)] == []

    made = [(entry,) for entry, said in surface.each(ERRORS) if said == version]
    assert len(made) > 30
    assert complaints(is_made, made) == {}


FACTS: dict[str, Any] = {
    "dependent_exceptions_tids": [(ValueError("why"), "task 1")],
    "task_id": 3,
    "exitcode": 2,
    "e_type": ValueError,
    "e_value": ValueError("why"),
    "traceback": None,
    "exception": ValueError("why"),
    "invalid_keys": {"colour"},
    "outputs": ["a.txt"],
    "module_names": ["numpy"],
    "retcode": 1,
    "worker_id": 1,
}
