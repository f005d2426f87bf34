"""Ratios and targets say the same of rates and of costs."""

from __future__ import annotations

import pytest

from benchmarks.figure import Bound, Figure

RESULTS = {"htex": {"rate": 300.0, "cost": 2.0}, "parsl htex": {"rate": 10.0, "cost": 50.0}, "floor": {"cost": 1.0}}
RATE = Figure("rate", "tasks/s", target=(Bound(30, "parsl"), Bound(100)))
COST = Figure("cost", "us", "less", target=(Bound(1.5, "floor"),))


def test_times_better_is_above_one_where_ours_is_better() -> None:
    assert RATE.times_better(10.0, RESULTS) == 30.0
    assert COST.times_better(50.0, RESULTS) == 25.0
    assert COST.times_better(1.0, RESULTS) == 0.5


@pytest.mark.parametrize(
    ("figure", "bounds", "met"),
    [
        (RATE, RATE.target, True),
        (RATE, (Bound(31, "parsl"),), False),
        (COST, COST.target, False),
        (COST, (Bound(2, "floor"),), True),
        (RATE, (Bound(2, "floor"),), None),
        (RATE, (Bound(2, "floor"), Bound(400)), False),
        (RATE, (), None),
        (Figure("other", "what was not measured"), (Bound(1),), None),
    ],
)
def test_met(figure: Figure, bounds: tuple[Bound, ...], met: bool | None) -> None:
    assert figure.met(bounds, RESULTS) is met


def test_the_hardest_limit_says_how_much_is_reached() -> None:
    assert RATE.reached((Bound(600), Bound(15, "parsl")), RESULTS) == 0.5
    assert COST.reached(COST.target, RESULTS) == 0.75
    assert RATE.reached((Bound(2, "floor"),), RESULTS) is None


def test_limits_in_words() -> None:
    assert RATE.limits(RATE.target) == ">= 30 x parsl and >= 100"
    assert COST.limits(COST.target) == "<= 1.5 x floor"
