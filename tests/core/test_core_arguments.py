"""Old names give one warning, unknown ones an error with the nearest name."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from typing import Any

import pytest

from parsl_like.core.arguments import UnknownArgument, arguments_of, placed, signature_in_order, spelled
from parsl_like.errors import ConfigurationError


@spelled({"colour": "color", "ends": ("first", "last"), "gone": None})
@dataclasses.dataclass
class Thing:
    color: str = "red"
    first: int = 0
    last: int = 9
    hidden: int = dataclasses.field(default=1, init=False)


def test_its_own_names_come_through_silently() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Thing("blue", last=3) == Thing(color="blue", last=3)
    assert list(inspect.signature(Thing).parameters) == ["color", "first", "last"]
    assert arguments_of(Thing) == ("color", "first", "last")


def test_old_names_are_taken_with_one_warning_at_the_callers_line() -> None:
    with pytest.warns(DeprecationWarning, match="is now") as caught:
        thing = Thing(colour="blue", ends=(1, 2), gone=5)  # type: ignore[call-arg]
    assert (thing.color, thing.first, thing.last) == ("blue", 1, 2)
    assert [warning.filename for warning in caught] == [__file__]
    said = str(caught[0].message)
    assert said == "Thing: 'colour' is now 'color'; 'ends' is now 'first' and 'last'; 'gone' has no effect any more."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"colr": 1}, "unexpected keyword argument 'colr'.*did you mean 'color'"),
        ({"colourr": 1}, "did you mean 'color'"),
        ({"zzzz": 1}, "its arguments are color, first, last"),
        ({"hidden": 1}, "unexpected keyword argument 'hidden'"),
    ],
)
def test_unknown_names_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownArgument, match=words) as caught:
        Thing(**given)
    assert isinstance(caught.value, ConfigurationError)
    assert isinstance(caught.value, TypeError)


def test_an_argument_by_both_names_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="both 'colour' and its new name 'color'"):
        Thing(color="a", colour="b")  # type: ignore[call-arg]


def test_a_sequence_for_two_has_two_values() -> None:
    with pytest.raises(ConfigurationError, match="2 values, for first and last"):
        Thing(ends=(1,))  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="is now"):
        assert Thing(ends=None).first is None  # type: ignore[call-arg]


def test_positional_arguments_get_their_names_and_none_is_given_twice() -> None:
    assert placed("Thing", ["a", "b"], [1], {"c": 3}) == {"a": 1, "c": 3}
    with pytest.raises(TypeError, match=r"Thing takes at most 1 positional arguments, 2 given"):
        placed("Thing", ["a"], [1, 2], {})
    with pytest.raises(TypeError, match="Thing got several values for a"):
        placed("Thing", ["a"], [1], {"a": 1})


def test_a_signature_in_another_order_has_the_rest_as_keywords() -> None:
    def build(self: object, a: Any = 1, b: Any = 2, c: Any = 3) -> None:
        """A constructor."""

    parameters = signature_in_order(build, ["c", "a"]).parameters.values()
    assert [(each.name, each.kind.name) for each in parameters] == [
        ("self", "POSITIONAL_OR_KEYWORD"),
        ("c", "POSITIONAL_OR_KEYWORD"),
        ("a", "POSITIONAL_OR_KEYWORD"),
        ("b", "KEYWORD_ONLY"),
    ]
