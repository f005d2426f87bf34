"""Every method and attribute of both versions is there and takes their arguments, or the table says why not."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from parsl_like.config import Config
from tests.api import surface
from tests.api.surface import DIFFERENCES, ENTRIES, Entry, Version, complaints, listed, named, parameters, resolve

METHODS = [(entry, version, method) for entry, version in surface.each(ENTRIES) for method in entry.methods[version]]
ATTRIBUTES = {
    # attributes that are set when an instance is made
    "dataflow.futures.AppFuture": lambda cls: cls(0, "name"),
    "data_provider.files.File": lambda cls: cls("name"),
    "dataflow.dflow.DataFlowKernel": lambda cls: closed(cls(Config())),
}
ABSENT = object()


def closed(kernel: Any) -> Any:
    kernel.cleanup()
    return kernel


def found(entry: Entry, name: str) -> Any:
    """The member as its class has it, a property for an attribute of its instances; None if there is none."""
    cls = resolve(entry.path)
    member = inspect.getattr_static(cls, name, ABSENT)
    if member is None or name in annotated(cls):
        return property()
    make = ATTRIBUTES.get(entry.path)
    if member is ABSENT and make is not None and name in vars(make(cls)):
        return property()
    return None if member is ABSENT else member


def annotated(cls: type) -> set[str]:
    fields = getattr(cls, "__dataclass_fields__", {})
    return set(fields) | {name for base in cls.__mro__ for name in vars(base).get("__slots__", ())}


@pytest.mark.parametrize(("entry", "version"), [(e, v) for e, v in surface.each(ENTRIES) if e.methods[v]], ids=named)
def test_methods_are_there_and_take_the_arguments(entry: Entry, version: Version) -> None:
    def takes(method: str) -> None:
        name, bracket, rest = method.partition("(")
        member = found(entry, name)
        if row := listed(entry.path, f"method {name}"):
            assert row.here != "gone" or member is None, f"{name} is there: its row has to go"
            return
        assert member is not None, f"{entry.path} has no {name}"
        if not bracket or isinstance(member, property):  # a property may answer as a call, too
            return
        # Where the versions differ, the order is today's, and the older names are taken by keyword.
        moved = version == "legacy" and any(o.partition("(")[0] == name for o in entry.methods.get("newest", ()))
        assert_takes(member, f"({rest}", in_order=not moved)

    assert complaints(takes, [(method,) for method in entry.methods[version]]) == {}


def assert_takes(member: Any, signature: str, *, in_order: bool = True) -> None:
    """Refuse a method that does not take arguments by name and, if asked for, in their order."""
    static = isinstance(member, staticmethod)
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    own = inspect.signature(function)
    any_positions = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in own.parameters.values())
    known = [one for one in parameters(signature) if not one.variable]
    first = () if static else (object(),)
    if in_order or any_positions:
        ordered = [one.name for one in known if one.positional]
        own.bind(*first, *ordered, **{one.name: 0 for one in known if not one.positional})
    if not any_positions:
        own.bind(*first, **{one.name: one.name for one in known})


def test_no_row_names_a_method_that_parsl_has_not() -> None:
    said = {(entry.path, f"method {method.partition('(')[0]}") for entry, _, method in METHODS}
    stale = [
        (pattern, subject)
        for row in DIFFERENCES
        for subject in row.subjects
        if subject.startswith("method ")
        for pattern in row.where.split()
        if not any(surface.fnmatch.fnmatchcase(path, pattern) and subject == method for path, method in said)
    ]
    assert stale == []


def test_a_missing_method_would_be_seen() -> None:
    (entry,) = [entry for entry in ENTRIES if entry.path == "dataflow.dflow.DataFlowKernel"]
    assert found(entry, "cleanup") is not None
    assert found(entry, "no_such_method") is None
    with pytest.raises(TypeError):
        assert_takes(found(entry, "cleanup"), "(colour)")
