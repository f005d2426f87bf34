"""Values that may stand in fields, and what is said of others."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from parsl_like.core import fields
from parsl_like.core.fields import is_number, is_path, is_whole, own_containers, walltime_seconds
from parsl_like.errors import ConfigurationError


@dataclasses.dataclass
class Thing:
    field: Any = None


@pytest.mark.parametrize("value", [0, 7])
def test_whole_numbers(value: int) -> None:
    assert is_whole(value)


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None])
def test_what_is_no_whole_number(value: object) -> None:
    assert not is_whole(value)


@pytest.mark.parametrize("value", [math.inf, math.nan, True, "1", None])
def test_what_is_no_number(value: object) -> None:
    assert not is_number(value)
    assert is_number(0.5)


@pytest.mark.parametrize(("value", "good"), [("a", True), (Path("a"), True), ("", False), (b"a", False), (3, False)])
def test_paths(value: object, good: bool) -> None:
    assert is_path(value) is good


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:10:00", 600), ("1:0:0", 3600), ("2-01:00:05", 176405), ("00:90:00", 5400)]
)
def test_walltimes(text: str, seconds: int) -> None:
    assert walltime_seconds(text) == seconds
    fields.expect_walltime(Thing(text), "field")


@pytest.mark.parametrize("text", ["10", "10:00", "1h", "", "-1:00:00", "1:00:00:00"])
def test_what_is_no_walltime(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        walltime_seconds(text)
    with pytest.raises(ConfigurationError, match=r"Thing\.field is .*; expected a time as"):
        fields.expect_walltime(Thing(text), "field")


@pytest.mark.parametrize(
    ("expect", "good", "bad", "words"),
    [
        (fields.expect_whole, [0, 5], [-1, 0.5, "1", None], "a whole number of at least 0"),
        (fields.expect_positive, [0.1, 3], [0, -1, math.inf, None], "a number above 0"),
        (fields.expect_flag, [True, False], [0, 1, None], "True or False"),
        (fields.expect_text, ["", "a"], [None, 3], "text"),
        (fields.expect_word, ["a"], ["", " ", None], "text that is not empty"),
        (fields.expect_path, ["a", Path("a"), None], ["", 3], "None or a path"),
        (fields.expect_port, [1, 65535, None], [0, 65536, "22"], "None or a port from 1 to 65535"),
        (fields.expect_port_range, [(1, 2), [5, 5]], [(2, 1), (1,), None], "two ports"),
        (fields.expect_callable, [print, None], [3], "None or a function"),
    ],
)
def test_what_is_expected_is_said(expect: Any, good: list[Any], bad: list[Any], words: str) -> None:
    for value in good:
        expect(Thing(value), "field")
    for value in bad:
        with pytest.raises(ConfigurationError, match=rf"Thing\.field is .*; expected {words}"):
            expect(Thing(value), "field")


def test_none_where_it_is_allowed() -> None:
    for expect in (fields.expect_whole, fields.expect_positive, fields.expect_text, fields.expect_word):
        expect(Thing(None), "field", optional=True)
    with pytest.raises(ConfigurationError, match="expected a path"):
        fields.expect_path(Thing(None), "field", optional=False)
    with pytest.raises(ConfigurationError, match="expected a port"):
        fields.expect_port(Thing(None), "field", optional=False)


def test_containers_become_the_descriptions_own() -> None:
    mine: list[Any] = [1]
    names = {"a": 1}
    listed, named = Thing(mine), Thing(names)
    own_containers(listed)
    own_containers(named)
    mine.append(2)
    names["b"] = 2
    assert (listed.field, named.field) == ([1], {"a": 1})
