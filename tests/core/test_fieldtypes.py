"""An annotation, as text, says what may stand in a field; what it cannot say lets anything stand."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, Optional, Protocol, TypeVar, Union

import pytest

from parsl_like.core.description import Description
from parsl_like.core.fieldtypes import ANYTHING, expected


class Engine(Description):
    pass


class Wheel(Description):
    pass


class Racing(Engine):
    pass


class Duck:
    """Foreign: no description, of no known class."""


class Quacks(Protocol):
    def quack(self) -> None: ...


Speed = Literal["slow", "fast"] | None
T = TypeVar("T")

CASES: list[tuple[Any, list[Any], list[Any], str]] = [
    ("int", [1, True, 0], [1.0, "1", None, [1], 1j], "a whole number"),
    ("float", [1, 1.5, True], ["1", None, [1.0]], "a number"),
    ("bool", [True, False], [1, 0, "yes", None], "True or False"),
    ("str", ["", "a"], [b"a", 1, None, pathlib.Path("a")], "text"),
    ("bytes", [b"", bytearray(b"a")], ["", 1], "bytes"),
    ("None", [None], [0, ""], "None"),
    ("int | None", [1, None], ["1", 1.5], "a whole number or None"),
    ("None | int", [1, None], ["1", 1.5], "a whole number or None"),
    ("str | os.PathLike[str] | None", ["a", pathlib.Path("a"), None], [1, b"a"], "text or a path or None"),
    ("Path", ["a", pathlib.Path("a")], [1, None], "a path"),
    ("Callable[[str, int], str] | None", [len, print, None], ["len", 1], "a function or None"),
    ("Sequence[str]", [[], ("a",), ["a", "b"]], ["a", [1], {"a"}, {"a": 1}, None], "a list of text"),
    ("list[int]", [[1], (2,)], [[1.5], 1, "12"], "a list of whole numbers"),
    ("Sequence[str | os.PathLike[str]]", [["a", pathlib.Path()]], ["a", [1]], "a list of text or paths"),
    ("int | Sequence[str]", [1, ["a"]], ["a", [1]], "a whole number or a list of text"),
    ("Sequence[str] | str", ["a", ["a"]], [1, [1]], "a list of text or text"),
    ("tuple[int, int]", [(1, 2), [1, 2]], [(1,), (1, 2, 3), (1, "2"), 1], "2 values (a whole number, a whole number)"),
    ("tuple[int, ...]", [(), (1, 2, 3)], [("1",), 1], "a list of whole numbers"),
    ("list", [[1, "a"], ()], ["a", 1], "a list"),
    ("dict[str, int]", [{}, {"a": 1}], [{"a": "1"}, {1: 1}, [("a", 1)]], "a dict of text to whole numbers"),
    ("Mapping[str, Any]", [{"a": object()}], [{1: 1}, []], "a dict of text to anything"),
    ("dict", [{1: 2}], [[], None], "a dict"),
    ("set[str]", [set(), frozenset("a")], [["a"], "a"], "a set"),
    ("Iterable[str]", [["a"], iter("a"), {"a": 1}], [1, None], "something to go through"),
    ("type[Exception]", [ValueError], [ValueError(), "ValueError"], "a class"),
    ("Literal['a', 'b']", ["a", "b"], ["c", 1, None, ["a"]], "one of 'a', 'b'"),
    ("Literal[1]", [1], [True, 2, "1"], "1"),
    ("Literal[None]", [None], ["None"], "None"),
    ("'int'", [1], ["1"], "a whole number"),
    ("Annotated[int, 'metres']", [1], ["1"], "a whole number"),
    ("Optional[int]", [1, None], ["1"], "a whole number or None"),
    ("Union[int, str]", [1, "a"], [None, 1.5], "a whole number or text"),
    ("Speed", ["slow", None], ["medium", 1], "one of 'slow', 'fast' or None"),
    # Types themselves, as in a class without `from __future__ import annotations`.
    (int, [1], ["1"], "a whole number"),
    (int | None, [1, None], ["1"], "a whole number or None"),
    (Optional[str], ["a", None], [1], "text or None"),  # noqa: UP045 - as older programs write it
    (Union[int, str], [1, "a"], [None], "a whole number or text"),  # noqa: UP007
    (list[int], [[1]], ["1"], "a list of whole numbers"),
    (Sequence[str], [["a"]], ["a"], "a list of text"),
    (Callable[[int], str], [len], [1], "a function"),
    (Engine, [Engine(), Racing(), Duck()], [Engine, Wheel(), "Engine", 1, None], "an Engine"),
]
NAMES = {"Speed": Speed, "Wheel": Wheel, "Quacks": Quacks, "T": T}


@pytest.mark.parametrize(("annotation", "good", "bad", "words"), CASES)
def test_what_is_right_may_stand_and_what_is_wrong_may_not(
    annotation: Any, good: list[Any], bad: list[Any], words: str
) -> None:
    found = expected(annotation, NAMES)
    assert found.words == words
    for value in good:
        assert found.accepts(value), value
    for value in bad:
        assert not found.accepts(value), value


@pytest.mark.parametrize("known", [{}, {"Engine": Engine}, {"Engine": int}])
def test_a_class_is_known_by_its_name_whether_or_not_it_has_been_imported(known: dict[str, Any]) -> None:
    found = expected("Engine | None", known)
    assert found.words == "an Engine or None"
    for value in (Engine(), Racing(), Duck(), None):
        assert found.accepts(value), value
    for value in (Engine, Duck, Wheel(), "Engine", ["Engine"], {}, 1.5):
        assert not found.accepts(value), value


@pytest.mark.parametrize(
    "annotation",
    ["Any", "object", "int | Any", "T", T, "Quacks", "unknown(thing)", "not an annotation", "Literal[Colour.RED]", 3],
)
def test_what_cannot_be_seen_lets_anything_stand(annotation: Any) -> None:
    found = expected(annotation, NAMES)
    for value in (None, 1, "a", Engine, object()):
        assert found.accepts(value), value


def test_an_alias_of_itself_ends() -> None:
    assert expected("Loop", {"Loop": "Loop"}) is ANYTHING


def test_an_alias_of_the_type_statement_is_read() -> None:
    class Alias:  # what ``type Name = int | None`` makes, in interpreters that have it
        __value__ = int | None

    found = expected("Name", {"Name": Alias()})
    assert (found.accepts(None), found.accepts("1")) == (True, False)
