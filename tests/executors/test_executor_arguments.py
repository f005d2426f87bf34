from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass

import pytest

from parsl_like.core.description import Description
from parsl_like.errors import ConfigurationError
from parsl_like.executors.arguments import UnknownArgument, spelled


@spelled({"colour": "color", "ends": ("first", "last"), "gone": None})
@dataclass
class Thing(Description):
    color: str = "red"
    first: int | None = 0
    last: int | None = 9


def test_present_names_pass_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Thing("blue", last=3) == Thing(color="blue", first=0, last=3)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"colour": "blue"}, Thing(color="blue")),
        ({"ends": (1, 2)}, Thing(first=1, last=2)),
        ({"ends": [1, 2], "color": "x"}, Thing(color="x", first=1, last=2)),
        ({"ends": None}, Thing(first=None, last=None)),
        ({"gone": 5}, Thing()),
    ],
)
def test_old_names_mean_what_they_have_become(given: dict[str, object], meant: Thing) -> None:
    with pytest.warns(DeprecationWarning, match=r"^Thing: .*(is now|no effect)"):
        assert Thing(**given) == meant  # type: ignore[arg-type]


def test_there_is_one_warning_however_many_names_are_old_and_it_points_at_the_caller() -> None:
    with pytest.warns(DeprecationWarning, match="^Thing: ") as caught:
        Thing(colour="blue", ends=(1, 2), gone=True)  # type: ignore[call-arg]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert "'colour' is now 'color'" in text
    assert "'ends' is now 'first' and 'last'" in text
    assert "'gone' has no effect any more" in text


def test_a_value_given_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="both 'colour' and its new name 'color'"):
        Thing(color="a", colour="b")  # type: ignore[call-arg]


@pytest.mark.parametrize("value", [3, (1,), (1, 2, 3), "ab"])
def test_a_shared_value_must_have_a_part_for_each_name(value: object) -> None:
    with pytest.raises(ConfigurationError, match="2 values, for first and last"):
        Thing(ends=value)  # type: ignore[call-arg]


def test_an_unknown_name_is_both_kinds_of_error_and_names_the_nearest() -> None:
    with pytest.raises(TypeError, match="did you mean 'color'") as caught:
        Thing(colr="x")  # type: ignore[call-arg]
    assert isinstance(caught.value, ConfigurationError)
    assert isinstance(caught.value, UnknownArgument)
    assert (caught.value.description, caught.value.name) == ("Thing", "colr")


def test_a_name_near_an_old_one_is_answered_with_the_new_one() -> None:
    with pytest.raises(UnknownArgument, match="did you mean 'color'"):
        Thing(coulour="x")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["xyz", "gne"])
def test_a_name_near_none_that_is_left_is_answered_with_all(name: str) -> None:
    with pytest.raises(UnknownArgument, match="its arguments are color, first, last"):
        Thing(**{name: 1})


def test_the_error_survives_pickling() -> None:
    error = UnknownArgument("Thing", "colr", ("color",))
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.name, copy.description) == (str(error), "colr", "Thing")


def test_other_errors_of_the_call_are_pythons_own() -> None:
    with pytest.raises(TypeError, match="positional"):
        Thing(1, 2, 3, 4)  # type: ignore[call-arg, arg-type]
