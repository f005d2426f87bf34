"""YAML is read as its core schema says, with the line of each value."""

from __future__ import annotations

import importlib
import math
from typing import Any

import pytest

from parsl_like.errors import OptionalModuleMissing
from parsl_like.profiles.nodes import ProfileError
from parsl_like.profiles.yaml_reader import plain_value, read_yaml

pytest.importorskip("yaml")

DOCUMENT = """\
# a comment
one: 1
list:
  - a
  - b: 2
    c: [3, "4", 5.5]
  -
text: |
  over
  lines
walltime: 01:00:00
answer: yes
quoted: "true"
nothing: ~
shared: &it {x: 1, y: 2}
copy: *it
merged: {<<: *it, y: 3}
"""


def test_values_and_lines() -> None:
    root = read_yaml(DOCUMENT, "x.yaml")
    assert root.plain() == {
        "one": 1,
        "list": ["a", {"b": 2, "c": [3, "4", 5.5]}, None],
        "text": "over\nlines\n",
        "walltime": "01:00:00",
        "answer": "yes",
        "quoted": "true",
        "nothing": None,
        "shared": {"x": 1, "y": 2},
        "copy": {"x": 1, "y": 2},
        "merged": {"x": 1, "y": 3},
    }
    assert {name: node.place.line for name, node in root.value.items()} == {
        **{"one": 2, "list": 3, "text": 8, "walltime": 11, "answer": 12, "quoted": 13, "nothing": 14},
        **{"shared": 15, "copy": 16, "merged": 17},
    }
    assert str(root.value["list"].value[1].value["c"].value[2].place) == "x.yaml:6"


def test_an_empty_document_says_nothing() -> None:
    assert read_yaml("# only a comment\n", "x.yaml").plain() == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("", None),
        ("True", True),
        ("FALSE", False),
        ("-12", -12),
        ("0o17", 15),
        ("0xfF", 255),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("1:30", "1:30"),
        ("on", "on"),
        ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"),
        ("-", "-"),
        ("TrUe", "TrUe"),
    ],
)
def test_words_without_quotes(text: str, value: Any) -> None:
    found = plain_value(text)
    assert (type(found), found) == (type(value), value)


def test_no_number_is_one() -> None:
    found = plain_value(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1", r"^x\.yaml:\d: this is no YAML: "),
        ("a: 1\n b: 2", r"^x\.yaml:2: this is no YAML: "),
        ("a: 1\na: 2", r"^x\.yaml:2: 'a' is there twice; it is on line 1"),
        (
            "a: !!python/object:os.system x",
            r"^x\.yaml:1: the tag tag:yaml.org,2002:python/object:os.system has no meaning",
        ),
        ("a: !mine x", r"^x\.yaml:1: the tag !mine has no meaning"),
        ("a: 1\n---\nb: 2", r"^x\.yaml:2: this is no YAML: .*"),
        ("? [1, 2]\n: 3", r"^x\.yaml:1: a key that is no text"),
        ("a: &a [*a]", r"aliases make this too large"),
        ("a: *nobody", r"^x\.yaml:1: this is no YAML: .*"),
        ("x: &x 1\na: {<<: *x}", r"^x\.yaml:2: << takes a mapping"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        read_yaml(text, "x.yaml")


def test_a_text_that_says_so_stays_text() -> None:
    assert read_yaml("a: !!str 5\nb: '5'", "x.yaml").plain() == {"a": "5", "b": "5"}


def test_aliases_that_grow_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 10):
        lines.append(f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]")
    with pytest.raises(ProfileError, match="too large"):
        read_yaml("\n".join(lines), "x.yaml")


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(OptionalModuleMissing, match=r"pip install parsl_like\[yaml\]"):
        read_yaml("a: 1", "x.yaml")


def test_what_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"^x\.yaml: this is nested too deeply"):
        read_yaml(f"a: {'[' * 10_000}", "x.yaml")
