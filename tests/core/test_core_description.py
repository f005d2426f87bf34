from __future__ import annotations

import copy
import dataclasses
import gc
import pickle
import weakref
from typing import Any

import pytest

from parsl_like.core.description import Description, unknown_field
from parsl_like.errors import ConfigurationError


@dataclasses.dataclass
class Engine(Description):
    cylinders: int = 4
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def check(self) -> None:
        if self.cylinders < 1:
            raise ConfigurationError("Engine.cylinders", self.cylinders, "at least 1")

    @property
    def power(self) -> int:
        return self.cylinders * 20

    @power.setter
    def power(self, value: int) -> None:
        self.cylinders = value // 20


@dataclasses.dataclass
class Car(Description):
    name: str
    engine: Engine = dataclasses.field(default_factory=Engine)
    wheels: list[Any] = dataclasses.field(default_factory=lambda: ["front", "rear"])
    stickers: set[str] = dataclasses.field(default_factory=set)
    driver: Any = None


class Tuned(Engine):
    """A user's class, as programs have them: no dataclass, attributes of its own, private ones too."""

    def __init__(self, secret: int) -> None:
        super().__init__()
        self._secret = secret
        self.nickname = "fast"

    def boost(self) -> int:
        return self.cylinders * self._secret


class Session:
    """What runs; can be referred to weakly, cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("a session cannot be pickled")


# --- assignment


def test_a_field_may_be_assigned_until_the_run_starts() -> None:
    car = Car("a")
    car.engine.cylinders = 6
    car.wheels.append("spare")
    car.engine.power = 160
    assert (car.engine.cylinders, car.wheels[-1]) == (8, "spare")


def test_an_unknown_field_is_refused_at_once_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match=r"Engine has no field 'cilinders'.*did you mean 'cylinders'\?"):
        Engine().cilinders = 6  # type: ignore[attr-defined]


def test_an_unknown_field_that_is_near_to_none_is_answered_with_all() -> None:
    text = str(unknown_field(Engine, "xyzzy"))
    assert "cylinders, is_sealed, options, power" in text


def test_a_property_without_a_setter_stays_one() -> None:
    with pytest.raises(AttributeError):
        Engine().is_sealed = True  # type: ignore[misc]


def test_the_fields_of_a_class_are_not_those_of_its_parent() -> None:
    Engine().cylinders = 5

    @dataclasses.dataclass
    class Electric(Engine):
        volts: int = 400

    engine = Electric()
    engine.volts = 800
    assert engine.volts == 800
    with pytest.raises(ConfigurationError, match="Engine has no field 'volts'"):
        Engine().volts = 1  # type: ignore[attr-defined]


def test_a_class_of_the_users_may_hold_what_it_likes() -> None:
    tuned = Tuned(3)
    tuned.anything = 1  # type: ignore[attr-defined]
    assert tuned.boost() == 12


# --- comparing, printing, pickling


def test_descriptions_are_compared_by_their_fields() -> None:
    assert Car("a") == Car("a")
    assert Car("a") != Car("a", Engine(6))
    assert Car("a") != Car("b")


def test_repr_evaluates_back() -> None:
    car = Car("a", Engine(6, {"fuel": "e10"}), stickers={"s"})
    assert eval(repr(car)) == car


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda car: pickle.loads(pickle.dumps(car))])
def test_a_copy_is_a_description_again_even_of_a_sealed_one(again: Any) -> None:
    sealed = Car("a", Engine(6)).sealed()
    twin = again(sealed)
    assert twin == sealed
    assert not twin.is_sealed
    twin.name = "b"
    assert sealed.name == "a"


@pytest.mark.parametrize("again", [copy.copy, lambda engine: pickle.loads(pickle.dumps(engine)), Description.sealed])
def test_what_the_methods_of_a_users_class_read_goes_with_it(again: Any) -> None:
    twin = again(Tuned(3))
    assert (twin.boost(), twin.nickname) == (12, "fast")


# --- sealing


def test_a_sealed_copy_refuses_assignment_everywhere_and_the_original_does_not() -> None:
    car = Car("a")
    sealed = car.sealed()
    assert (sealed.is_sealed, sealed.engine.is_sealed, car.is_sealed, car.engine.is_sealed) == (
        True,
        True,
        False,
        False,
    )
    with pytest.raises(ConfigurationError, match=r"Car\.name cannot be changed: the run has started"):
        sealed.name = "b"
    with pytest.raises(ConfigurationError, match=r"Engine\.cylinders cannot be changed"):
        sealed.engine.cylinders = 8
    car.name, car.engine.cylinders = "b", 8
    assert (sealed.name, sealed.engine.cylinders) == ("a", 4)


def test_containers_are_copied_and_cannot_be_changed_from_outside() -> None:
    car = Car("a", Engine(4, {"list": [1, [2]]}), [Engine(1), ("x", [Engine(2)])], {"s"})
    sealed = car.sealed()
    assert sealed.engine.options == {"list": (1, (2,))}
    assert sealed.wheels == (Engine(1), ("x", (Engine(2),)))
    assert sealed.stickers == frozenset({"s"})
    assert all(engine.is_sealed for engine in (sealed.wheels[0], sealed.wheels[1][1][0]))
    car.engine.options["list"].append(3)
    car.wheels.clear()
    car.stickers.add("t")
    assert (sealed.engine.options, len(sealed.wheels), len(sealed.stickers)) == ({"list": (1, (2,))}, 2, 1)


def test_foreign_objects_are_shared() -> None:
    class Driver:
        pass

    driver = Driver()
    assert Car("a", driver=driver).sealed().driver is driver


def test_sealing_checks_the_whole_tree() -> None:
    with pytest.raises(ConfigurationError, match=r"Engine\.cylinders is 0; expected at least 1"):
        Car("a", wheels=[[Engine(0)]]).sealed()


def test_sealing_twice_gives_equal_copies() -> None:
    car = Car("a")
    assert car.sealed() == car.sealed() == car.sealed().sealed()


# --- the live session


def test_both_the_sealed_copy_and_its_original_know_the_session() -> None:
    car = Car("a")
    sealed, session = car.sealed(), Session()
    sealed.attach(session)
    assert sealed.live_session() is session
    assert car.live_session() is session
    sealed.detach(session)
    for owner in (car, sealed):
        with pytest.raises(ConfigurationError, match=r"used by no run now; ask dfk\.executors\[label\] instead"):
            owner.live_session()


def test_which_session_cannot_be_said_while_several_run() -> None:
    car = Car("a")
    runs = [(car.sealed(), Session()) for _ in range(2)]
    for sealed, session in runs:
        sealed.attach(session)
    with pytest.raises(ConfigurationError, match="used by 2 runs now"):
        car.live_session()
    assert [sealed.live_session() for sealed, _ in runs] == [session for _, session in runs]
    runs[0][0].detach(runs[0][1])
    assert car.live_session() is runs[1][1]


def test_a_session_that_is_gone_is_forgotten_without_being_told() -> None:
    car, session = Car("a"), Session()
    sealed = car.sealed()
    sealed.attach(session)
    known = weakref.ref(session)
    del session
    gc.collect()
    assert known() is None
    with pytest.raises(ConfigurationError, match="no run"):
        car.live_session()
    other = Session()
    sealed.attach(other)
    assert car.live_session() is other


def test_a_session_may_outlive_the_original() -> None:
    car = Car("a")
    sealed, session = car.sealed(), Session()
    del car
    gc.collect()
    sealed.attach(session)
    sealed.detach(session)
    sealed.attach(session)
    assert sealed.live_session() is session


def test_a_live_session_is_neither_compared_nor_printed_nor_pickled() -> None:
    car, session = Car("a"), Session()
    car.sealed().attach(session)
    assert car == Car("a")
    assert repr(car) == repr(Car("a"))
    twin = pickle.loads(pickle.dumps(car))
    with pytest.raises(ConfigurationError, match="no run"):
        twin.live_session()


def test_a_session_of_a_users_class_does_not_travel_either() -> None:
    tuned, session = Tuned(3), Session()
    tuned.attach(session)
    assert tuned.live_session() is session
    twin = pickle.loads(pickle.dumps(tuned.sealed()))
    assert (twin.boost(), twin.is_sealed) == (12, False)
