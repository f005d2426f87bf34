from __future__ import annotations

import inspect
from dataclasses import dataclass, field

import pytest

from parsl_like.executors.positional import in_order


@dataclass
class Base:
    a: int = 1
    b: int = 2
    c: int = field(default=3, kw_only=True)


@in_order("d b")
@dataclass
class Derived(Base):
    a: int = field(init=False, repr=False, default=7)
    d: int = 4


def test_positions_are_those_of_the_order() -> None:
    assert (Derived(10, 20).d, Derived(10, 20).b) == (10, 20)
    assert Derived(10, b=20, c=30) == Derived(d=10, b=20, c=30)


def test_the_signature_says_so() -> None:
    assert str(inspect.signature(Derived)) == "(d: 'int' = 4, b: 'int' = 2, *, c: 'int' = 3)"


def test_what_is_hidden_is_no_argument_and_not_shown() -> None:
    assert Derived().a == 7
    assert repr(Derived()).endswith("Derived(b=2, c=3, d=4)")
    with pytest.raises(TypeError, match="'a'"):
        Derived(a=1)


def test_too_many_and_twice() -> None:
    with pytest.raises(TypeError, match="Derived takes at most 2 positional arguments, 3 given"):
        Derived(1, 2, 3)
    with pytest.raises(TypeError, match="Derived got several values for d"):
        Derived(1, d=2)
