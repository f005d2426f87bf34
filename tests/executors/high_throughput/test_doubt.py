"""What is lost with an interchange."""

from __future__ import annotations

import math

import pytest

from parsl_like.executors.high_throughput.doubt import RETURN_S, Doubt


def test_nothing_is_decided_before_the_new_one_listens() -> None:
    doubt = Doubt([1, 2], [])
    assert not doubt.is_over(1e9)
    assert doubt.until == math.inf


def test_what_nobody_names_has_not_begun_if_all_are_back() -> None:
    doubt = Doubt([1, 2, 3, 4], [b"a", b"b"])
    doubt.listening(100.0)
    doubt.returned(b"a", [1, 99])
    assert not doubt.is_over(100.0)
    doubt.returned(b"b", [2])
    assert doubt.is_over(100.0)
    assert doubt.unaccounted({1, 2, 3}) == ([3], False)  # the result of 4 has come meanwhile


def test_what_nobody_names_may_have_begun_if_somebody_is_not_back() -> None:
    doubt = Doubt([1, 2], [b"a", b"b"])
    doubt.listening(100.0)
    doubt.returned(b"a", [1])
    assert not doubt.is_over(100.0 + RETURN_S - 0.1)
    assert doubt.is_over(100.0 + RETURN_S)
    assert doubt.absent == {b"b"}
    assert doubt.unaccounted({1, 2}) == ([2], True)


def test_managers_of_blocks_that_are_over_are_not_waited_for() -> None:
    doubt = Doubt([1], [b"a", b"b", b"c"], gone=[b"a"])
    doubt.listening(100.0)
    doubt.returned(b"b", [])
    assert not doubt.is_over(100.0)
    doubt.ended([b"c"])
    assert doubt.is_over(100.0)
    assert doubt.absent == {b"a", b"c"}
    assert doubt.unaccounted({1}) == ([1], True)


@pytest.mark.parametrize("late", [0.0, 50.0])
def test_the_first_sign_that_it_listens_counts(late: float) -> None:
    doubt = Doubt([1], [b"a"])
    doubt.listening(100.0)
    doubt.listening(100.0 + late)
    assert doubt.until == 100.0 + RETURN_S
