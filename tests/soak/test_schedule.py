"""The plan of a soak: the same for the same seed, and never beyond what the product promises to survive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soak.schedule import BUDGETS, COOL_DOWN_S, KINDS, WARM_UP_S, Fault, counted, draw

SEEDS = st.integers(0, 2**32)
COSTS = {kind.name: kind.costs for kind in KINDS}


@given(SEEDS)
def test_equal_seeds_give_equal_plans(seed: int) -> None:
    assert draw(seed, 300) == draw(seed, 300)


def test_other_seeds_give_other_plans() -> None:
    assert draw(1, 300) != draw(2, 300)


@given(SEEDS, st.floats(0, 900))
def test_faults_are_in_order_and_leave_time_at_both_ends(seed: int, seconds: float) -> None:
    plan = draw(seed, seconds)
    begins = [fault.at for fault in plan]
    assert begins == sorted(begins)
    assert all(WARM_UP_S <= at <= seconds - COOL_DOWN_S + 0.01 for at in begins)
    assert all(0 <= fault.pick <= 1 for fault in plan)


@given(SEEDS)
def test_no_budget_is_exceeded(seed: int) -> None:
    plan = draw(seed, 900)
    for costs, (most, within) in BUDGETS.items():
        costly = [fault for fault in plan if COSTS[fault.kind] == costs]
        for fault in costly:
            near = [
                other
                for other in costly
                if other.place == fault.place and other.at <= fault.at < other.at + other.seconds + within - 0.1
            ]
            assert len(near) <= most


@given(SEEDS)
def test_nothing_that_lasts_is_done_twice_at_once(seed: int) -> None:
    over: dict[tuple[str, str], float] = {}
    for fault in draw(seed, 900):
        key = (fault.kind, fault.place)
        assert fault.at >= over.get(key, 0.0) - 1e-6  # a sum of rounded times
        over[key] = fault.at + fault.seconds


def test_every_kind_comes_in_an_hour() -> None:
    counts = counted(draw(7, 3600))
    assert set(counts) == {kind.name for kind in KINDS}
    assert sum(counts.values()) > 500


@pytest.mark.parametrize("kinds", [set(), {"worker killed"}, {"disk full", "link cut"}])
def test_only_what_can_be_done_here(kinds: set[str]) -> None:
    plan = draw(3, 600, kinds)
    assert {fault.kind for fault in plan} == kinds


def test_counts_leave_out_what_did_not_occur() -> None:
    assert counted([Fault(1.0, "disk full", "site", 4.0, 0.5)] * 2) == {"disk full": 2}
