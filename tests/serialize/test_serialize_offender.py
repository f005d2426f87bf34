"""The way to the part of a value that cannot be sent, through everything a value can be made of."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from typing import Any

import pytest

from parsl_like.errors import SerializationError
from parsl_like.serialize import pack
from parsl_like.serialize.offender import MAX_STEPS, refused
from parsl_like.serialize.pickles import Refused, encode, refusal

LOCK = threading.Lock()


def path_of(value: object) -> str | None:
    with pytest.raises(SerializationError) as caught:
        pack(value)
    return caught.value.path


class Holder:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Record(dict[str, Any]):
    pass


class Row(list[Any]):
    pass


class StateIsAList:
    def __getstate__(self) -> Any:
        return [1, LOCK]


class Constructed:
    def __init__(self, lock: Any) -> None:
        self.lock = lock

    def __reduce__(self) -> Any:
        return Constructed, (self.lock,)


class Named:
    def __reduce__(self) -> Any:
        return "no_such_name"


class BadRepr:
    def __hash__(self) -> int:
        return 1

    def __repr__(self) -> str:
        raise ValueError("unspeakable")

    def __reduce__(self) -> Any:
        raise ValueError("unsendable")


class Nameless:
    @property
    def name(self) -> str:
        raise ValueError("nameless")

    def __reduce__(self) -> Any:
        raise ValueError("unsendable")


class Interrupts:
    def __init__(self, after: int) -> None:
        self.left = after

    def __reduce__(self) -> Any:
        self.left -= 1
        raise ValueError("soon") if self.left >= 0 else KeyboardInterrupt


def with_attribute() -> Any:
    def function() -> None: ...

    function.held = LOCK  # type: ignore[attr-defined]
    return function


def with_annotation() -> Any:
    def function(x: int) -> None: ...

    function.__annotations__ = {"x": LOCK}
    return function


def recursive() -> Any:
    if False:
        later = 1
    held = LOCK

    def function() -> Any:
        return (later, held, function)

    return function


def with_base() -> Any:
    class Base:
        lock = LOCK

    class Derived(Base):
        pass

    return Derived


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Record(a=1), None),
        (Record(a=LOCK), "value['a']"),
        (defaultdict(lambda: LOCK), "value, constructor argument 0, global variable 'LOCK'"),
        (Row([1, LOCK]), "value[1]"),
        (StateIsAList(), "value.__getstate__()[1]"),
        (Constructed(LOCK), "value, constructor argument 0"),
        (Named(), "value"),
        ([Nameless()], "value[0]"),
        ({BadRepr(): 1}, "value, key <BadRepr>"),
        (with_attribute(), "value.held"),
        (with_annotation(), "value, annotation of 'x'"),
        (recursive(), "value, closure variable 'held'"),
        (with_base(), "value, base Base.lock"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_way(value: object, path: str | None) -> None:
    if path is None:
        assert refusal(value) is None
    else:
        assert path_of(value) == path


def test_attributes_of_a_dict_and_of_a_list() -> None:
    record, row = Record(a=1), Row([1])
    record.lock, row.lock = LOCK, LOCK  # type: ignore[attr-defined]
    assert path_of([record]) == "value[0].lock"
    assert path_of([row]) == "value[0].lock"


def test_a_very_long_way_is_followed_in_part() -> None:
    chain: Any = LOCK
    for _ in range(3 * MAX_STEPS):
        chain = {"n": chain}
    path = path_of(chain)
    assert path is not None
    assert path.count("['n']") == MAX_STEPS - 1


def test_the_user_may_interrupt_the_search() -> None:
    value = Holder(a=Interrupts(after=3))  # the plain pickler twice, cloudpickle, and then the search
    with pytest.raises(KeyboardInterrupt):
        pack(value)


def test_the_reason_says_what_the_offender_is() -> None:
    with pytest.raises(Refused) as caught:
        encode([LOCK])
    error = refused([LOCK], "the thing", "thing", caught.value.__cause__)
    assert str(error).startswith("Cannot serialize the thing: thing[0]: TypeError: cannot pickle '_thread.lock' object")
    assert error.reason is not None
    assert error.reason.endswith("(an object of type lock)")
    assert refused(1, "it", "it", None).reason == "no reason given"


def test_a_part_that_is_too_deep() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    error = refused({"a": deep}, "the thing", "thing", TypeError("something else"))
    assert error.path == "thing['a']"
    assert "nested more deeply" in str(error)


class MakesUp:
    """Has every attribute it is asked for, as futures of apps have."""

    def __init__(self) -> None:
        self.__dict__["asked"] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self.asked.append(name)
        return name

    def __reduce__(self) -> Any:
        raise TypeError("no copies")


def test_nothing_is_asked_of_what_makes_its_attributes_up() -> None:
    one = MakesUp()
    with pytest.raises(SerializationError, match=r"\(an object of type MakesUp\)"):
        pack([one])
    assert one.asked == []


def test_what_has_a_name_of_its_own_is_called_by_it() -> None:
    with open(os.devnull, "rb", 0) as file, pytest.raises(SerializationError, match=f"of type FileIO '{os.devnull}'"):
        pack([file])
