"""Every value of a TOML document is known by its line."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from parsl_like.profiles.nodes import Node, ProfileError
from parsl_like.profiles.toml_lines import lines_of
from parsl_like.profiles.toml_reader import read_toml

DOCUMENT = '''# a comment with [brackets] and "quotes"
one = 1
two.three = "a # no comment"  # a comment
"quoted key" = 'literal'

[table]
text = """
over
several \\""" lines"""""
raw = \'\'\'
[no.header]
\'\'\'
after = true
list = [
    1, # first
    [2, 3],
    { a = 4, b = { c = 5 } },
]

[[many]]
name = "x"
[many.inner]
deep = 1979-05-27
[[many.further]]
n = 1
[[many.further]]
n = 2

[[many]]
name = "y"
[ many . inner ]
deep = 2
'''


def test_every_key_and_member_has_its_line() -> None:
    lines = lines_of(DOCUMENT)
    assert lines[("one",)] == 2
    assert lines[("two", "three")] == 3
    assert lines[("quoted key",)] == 4
    assert lines[("table",)] == 6
    assert lines[("table", "text")] == 7
    assert lines[("table", "raw")] == 10
    assert lines[("table", "after")] == 13
    assert lines[("table", "list")] == 14
    assert [lines[("table", "list", index)] for index in range(3)] == [15, 16, 17]
    assert lines[("table", "list", 2, "b", "c")] == 17
    assert lines[("many", 0)] == 20
    assert lines[("many", 0, "inner", "deep")] == 23
    assert lines[("many", 0, "further", 1, "n")] == 27
    assert lines[("many", 1)] == 29
    assert lines[("many", 1, "inner")] == 31
    assert lines[("many", 1, "inner", "deep")] == 32


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [inner for key, part in value.items() for inner in [(*path, key), *paths(part, (*path, key))]]
    if isinstance(value, list):
        return [inner for index, part in enumerate(value) for inner in [(*path, index), *paths(part, (*path, index))]]
    return []


def test_nothing_of_the_document_is_without_a_line() -> None:
    assert set(paths(tomllib.loads(DOCUMENT))) <= set(lines_of(DOCUMENT))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "a = 1",
        "a=1\n\n\n",
        'a = """"quote" at the start, and two at the end"""""',
        "a = '''''quotes''''",
        "a = []\nb = {}\nc = [ ]\nd = {  }",
        "a = [[], [[1]], {x=[1,\n2,\n]}, ]",
        'a = "\\"[x]\\" # no"\n[b]',
        "[a.b.c]\n[a]\nd = 1\n[a.b]\ne = 2",
        "a.b.c = 1\na.b.d = 2",
        "a = -inf\nb = +nan\nc = 0xff\nd = 1e5\ne = 1_000",
        '"" = 1\n"a.b" = 2\n\'c d\'.e = 3',
    ],
)
def test_odd_documents_are_walked_through(text: str) -> None:
    assert set(paths(tomllib.loads(text))) <= set(lines_of(text))


def test_nodes_have_the_values_and_the_places() -> None:
    root = read_toml(DOCUMENT.replace("1979-05-27", "1"), "x.toml")
    assert root.plain() == tomllib.loads(DOCUMENT.replace("1979-05-27", "1"))
    table: Node = root.value["table"]
    assert str(table.value["after"].place) == "x.toml:13"
    assert str(table.value["list"].value[1].value[0].place) == "x.toml:16"


def test_line_ends_of_windows_are_line_ends() -> None:
    root = read_toml('a = 1\r\nb = """x\r\ny"""\r\nc = 3\r\n', "x.toml")
    assert root.plain() == {"a": 1, "b": "x\ny", "c": 3}
    assert root.value["c"].place.line == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\nb = = 2", r"^x\.toml:2: this is no TOML: .*"),
        ("a = 1\na = 2", r"^x\.toml:2: this is no TOML: .*"),
        ("a = 1\nwalltime = 01:00:00", r'^x\.toml:2: walltime is a date or a time.*put it in quotes: "01:00:00"'),
        ("[a]\nb = [1, 2020-01-01]", r"^x\.toml:2: 1 is a date or a time"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        read_toml(text, "x.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("launcher = SrunLauncher()", 'write launcher = { type = "SrunLauncher" }'),
        (
            'a = 1\nlauncher = parsl_like.launchers.SrunLauncher(overrides="-v")',
            'write launcher = { type = "SrunLauncher" }, and its arguments beside its type',
        ),
        ('provider = { type = "SlurmProvider", launcher = X( ) }', 'write launcher = { type = "X" }'),
        ("exclusive = True", "write exclusive = true"),
        ("encrypted=False # no", "write encrypted = false"),
        ("strategy = None", 'write strategy = { type = "none" }'),
        ("strategy = Nonesuch", None),
        ("list = [1, None]", None),
    ],
)
def test_what_is_written_as_in_python_is_told_as_toml(text: str, said: str | None) -> None:
    with pytest.raises(ProfileError, match="this is no TOML") as caught:
        read_toml(text, "x.toml")
    assert caught.value.hint == said


def test_what_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"^x\.toml: this is nested too deeply"):
        read_toml(f"a = {'[' * 100_000}", "x.toml")
