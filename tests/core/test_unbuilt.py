"""What is described only is refused when a run starts, all of it in one sentence."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest

from parsl_like.core.description import Description
from parsl_like.core.unbuilt import Unbuilt, is_unbuilt, refusal, refuse_unbuilt, unbuilt_parts
from parsl_like.errors import ConfigurationError


@dataclasses.dataclass
class Part(Description):
    inner: Any = None


@dataclasses.dataclass
class Rocket(Unbuilt, Part):
    missing: ClassVar[str] = "fly"
    meanwhile: ClassVar[str] = "walk."


@dataclasses.dataclass
class Boat(Unbuilt, Part):
    missing: ClassVar[str] = "swim"
    meanwhile: ClassVar[str] = "walk."


class FastRocket(Rocket):
    """A user's, who has changed nothing of what matters."""


class OwnRocket(Rocket):
    def submit(self, command: str) -> str:
        return command


class OwnBoat(Boat):
    def open(self, *_: Any, **__: Any) -> str:
        return "opened"


def test_what_is_unbuilt() -> None:
    assert is_unbuilt(Rocket())
    assert is_unbuilt(FastRocket())
    assert not is_unbuilt(Part())
    assert not is_unbuilt("Rocket")


def test_a_users_own_machinery_makes_it_built() -> None:
    assert not is_unbuilt(OwnRocket())
    assert not is_unbuilt(OwnBoat())
    refuse_unbuilt([OwnRocket(), OwnBoat()])


def test_it_is_found_wherever_it_is() -> None:
    whole = Part([Part({"a": Part(Rocket())}), Boat(Rocket())])
    assert [type(part) for part in unbuilt_parts(whole)] == [Boat, Rocket]
    assert [type(part) for part in unbuilt_parts(whole.sealed())] == [Boat, Rocket]


def test_containers_of_a_users_own_data_are_left_alone() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert list(unbuilt_parts(Part([endless, [Rocket()], {"deep": [Rocket()]}]))) == []


def test_descriptions_that_hold_each_other_are_no_endless_way() -> None:
    one, other = Part(), Part()
    one.inner, other.inner = other, [one, Rocket()]
    assert [type(part) for part in unbuilt_parts(one)] == [Rocket]


def test_the_error_names_each_and_gives_each_advice_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        refuse_unbuilt(Part([Rocket(), Boat(), Rocket()]))
    assert str(caught.value) == (
        "Rocket is described only: this version cannot fly. Boat is described only: this version cannot swim."
        " Nothing was started. Try: walk."
    )


def test_what_is_built_is_not_refused() -> None:
    refuse_unbuilt(Part([Part(), 3, "x", None]))
    refuse_unbuilt(None)


def test_opening_one_is_refused_whatever_it_is_given() -> None:
    for arguments in ((), ("context",)):
        with pytest.raises(ConfigurationError, match="cannot fly"):
            Rocket().open(*arguments)


def test_the_sentence_for_one() -> None:
    assert isinstance(refusal([Boat()]), ConfigurationError)


def test_what_most_runs_never_need_is_refused_when_it_is_used() -> None:
    class Lifeboat(Boat):
        missing = "float"
        refused_when_used = True

    assert list(unbuilt_parts([Lifeboat()])) == [Lifeboat()]
    refuse_unbuilt([Lifeboat()])
    with pytest.raises(ConfigurationError, match="cannot float"):
        Lifeboat().open()
    with pytest.raises(ConfigurationError, match=r"^Boat is described only: this version cannot swim\. Nothing"):
        refuse_unbuilt([Lifeboat(), Boat()])
