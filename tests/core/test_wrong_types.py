"""A description refuses a value of a wrong type in its constructor; what is assigned later, when a run begins."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from parsl_like.core import description as module
from parsl_like.core.description import Description, WrongType
from parsl_like.errors import ConfigurationError


class Unlike(Exception):
    """An error that a field has for wrong types."""


@pytest.fixture(autouse=True)
def _as_if_declared_by_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", __name__.partition(".")[0])


@dataclasses.dataclass
class Part(Description):
    name: str = "part"


@dataclasses.dataclass
class Base(Description):
    """A kind, which users derive from."""

    count: int = 1
    parts: Sequence[Part] = ()
    mode: Literal["fast", "slow"] = "fast"
    odd: int = None  # type: ignore[assignment]  # a default may be what its annotation says it is not
    anything: Any = None
    made: dict[str, int] = dataclasses.field(default_factory=dict, init=False)
    special: str = dataclasses.field(default="", metadata={"refusal": Unlike})


@dataclasses.dataclass
class Engine(Base):
    """One of the package's own."""

    power: float = 1.0


@dataclasses.dataclass(init=False)
class ByHand(Base):
    label: str = ""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("count", "3", "a whole number"),
        ("count", None, "a whole number"),
        ("parts", Part(), "a list of Part"),
        ("parts", [Part], "a list of Part"),
        ("parts", [Part(), "part"], "a list of Part"),
        ("mode", "medium", "one of 'fast', 'slow'"),
        ("odd", "1", "a whole number or None"),
        ("power", "strong", "a number"),
    ],
)
def test_the_error_names_field_value_and_what_was_expected(field: str, value: Any, words: str) -> None:
    changed = Engine()
    setattr(changed, field, value)
    for build in (lambda: Engine(**{field: value}), changed.sealed):
        with pytest.raises(WrongType) as caught:
            build()
        assert (caught.value.field, caught.value.value, caught.value.expected) == (f"Engine.{field}", value, words)
        assert str(caught.value) == f"Engine.{field} is {value!r}; expected {words}."


def test_it_is_an_error_of_configuration_and_of_type_and_travels() -> None:
    with pytest.raises(ConfigurationError):
        Engine(count="3")  # type: ignore[arg-type]
    with pytest.raises(TypeError) as caught:
        Engine(count="3")  # type: ignore[arg-type]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_what_is_right_may_stand() -> None:
    engine = Engine(count=True, parts=[Part()], mode="slow", odd=None, anything=object(), power=2)  # type: ignore[arg-type]
    engine.odd = 3
    engine.parts = (Part("other"),)
    engine.made = "whatever"  # type: ignore[assignment]  # no argument: it is the class's own
    assert engine.sealed() is not None


def test_a_list_that_was_changed_is_looked_at_when_a_run_begins() -> None:
    parts: list[Any] = [Part()]
    engine = Engine(parts=parts)
    parts.append("part")
    with pytest.raises(WrongType, match=r"Engine\.parts is .*'part'"):
        engine.sealed()


def test_a_constructor_written_by_hand_is_no_way_around() -> None:
    with pytest.raises(WrongType, match=r"ByHand\.label is 3; expected text"):
        ByHand(3)  # type: ignore[arg-type]


def test_a_field_may_have_an_error_of_its_own() -> None:
    with pytest.raises(Unlike) as caught:
        Engine(special=3)  # type: ignore[arg-type]
    assert caught.value.args == (3, "expected text")


# --- users' classes


class Tuned(Engine):
    """Derived from one of the package's: what that declares is checked, what this declares is not."""

    power = "as it likes"  # type: ignore[assignment]

    def __init__(self, count: Any) -> None:
        super().__init__(count=count)
        self.nickname = 3


class Kind(Base):
    """A kind of the user's own, which need not use what it has inherited."""

    def __init__(self) -> None:
        self.count = None  # type: ignore[assignment]
        self.parts = "none"  # type: ignore[assignment]


def test_a_users_class_is_checked_for_what_it_has_inherited() -> None:
    tuned = Tuned(3)
    tuned.power = "anything"  # type: ignore[assignment]
    with pytest.raises(WrongType, match=r"Tuned\.count is 'three'"):
        Tuned("three")


def test_a_users_kind_holds_what_it_likes() -> None:
    assert Kind().count is None


def test_fields_that_a_users_dataclass_declares_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass
    class Mine(Engine):
        size: int = 0

    monkeypatch.setattr(Mine, "__module__", "users")
    assert Mine(size="large").size == "large"  # type: ignore[arg-type]
    with pytest.raises(WrongType, match=r"Mine\.count"):
        Mine(count="3")  # type: ignore[arg-type]
