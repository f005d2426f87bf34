"""When a manager takes nothing more, and when it ends."""

from __future__ import annotations

import math

import pytest

from parsl_like.executors.high_throughput.node.lifetime import (
    ALLOWANCE,
    LEAST_S,
    MOST_SHARE,
    RESERVE_S,
    SOON,
    WINDOW_SHARE,
    Lifetime,
)

HOUR = 3600.0


def hour(now: float = 0.0) -> Lifetime:
    return Lifetime(now, HOUR)


def test_one_without_an_end_never_drains() -> None:
    life = Lifetime(5.0)
    assert (life.ends, life.look_at, life.least) == (math.inf, math.inf, math.inf)
    assert (life.left(1e9), life.block_left(1e9), life.latest(1e9)) == (0.0, 0.0, math.inf)
    assert life.reason_to_drain(1e9) == ""


def test_it_ends_ahead_of_its_block_and_takes_nothing_for_a_while_before() -> None:
    life = hour(100.0)
    assert (life.block_ends, life.ends) == (100.0 + HOUR, 100.0 + HOUR - RESERVE_S)
    assert life.look_at == life.ends - LEAST_S
    assert (life.left(200.0), life.block_left(200.0)) == (HOUR - RESERVE_S - 100.0, HOUR - 100.0)
    assert life.reason_to_drain(life.look_at - 0.1) == ""
    assert not life.is_short
    assert life.reason_to_drain(life.ends - LEAST_S) == SOON
    assert life.is_short


def test_of_a_short_life_shares_are_kept() -> None:
    life = Lifetime(0.0, 20.0)
    assert (life.ends, life.look_at) == (18.0, 18.0 - 1.8)


def test_what_is_over_is_left_as_a_moment() -> None:
    assert hour().left(1e9) == hour().block_left(1e9) == 0.001


def test_the_longest_task_of_late_makes_the_margin() -> None:
    life = hour()
    life.note(20.0, 3000.0)
    life.note(100.0, 3100.0)
    life.note(50.0, 3200.0)
    assert life.look_at == pytest.approx(life.ends - ALLOWANCE * 100.0)
    assert life.reason_to_drain(life.look_at) == SOON


def test_the_margin_is_at_most_a_share_of_the_life() -> None:
    life = hour()
    life.note(3000.0, 3000.0)
    assert life.look_at == pytest.approx(life.ends - MOST_SHARE * life.ends)


def test_long_tasks_of_long_ago_are_forgotten() -> None:
    life = hour()
    window = WINDOW_SHARE * life.ends
    life.note(1000.0, 1000.0)
    early = life.look_at
    assert early == pytest.approx(life.ends - ALLOWANCE * 1000.0)
    life.note(10.0, 1000.0 + window)
    assert life.look_at == pytest.approx(early), "it may come again"
    assert life.reason_to_drain(1000.0 + 2.5 * window) == ""
    assert life.look_at == pytest.approx(life.ends - ALLOWANCE * 10.0)


def test_nothing_is_remembered_across_a_long_silence() -> None:
    life = hour()
    life.note(1000.0, 1000.0)
    assert life.reason_to_drain(1000.0 + 2 * WINDOW_SHARE * life.ends) == ""
    assert life.look_at == life.ends - LEAST_S


def test_it_asks_again_until_it_has_been_told_to_drain() -> None:
    life = hour()
    assert life.reason_to_drain(life.look_at)
    life.look_again(life.ends - 1.0)
    assert life.look_at == life.ends - 1.0
    assert life.reason_to_drain(life.look_at)
    life.look_again(life.ends + 1.0)
    assert life.look_at == life.ends
    life.drain()
    assert life.look_at == life.ends
    life.note(100.0, 10.0)
    assert life.look_at == life.ends


def test_a_drain_period_may_be_over_before() -> None:
    life = Lifetime(10.0, HOUR, 60.0)
    assert life.look_at == 70.0
    assert "drain_period" in life.reason_to_drain(70.0)
    assert not life.is_short
    life.drain()
    assert life.look_at == life.ends
    assert Lifetime(10.0, 0.0, 60.0).look_at == 70.0
    assert Lifetime(0.0, 20.0, 60.0).look_at < 20.0


@pytest.mark.parametrize(
    ("walltime", "late_by"), [(60.0, 1.0), (2000.0, 1.0), (2700.0, math.inf), (3600.0, math.inf), (math.inf, math.inf)]
)
def test_a_task_that_waits_may_be_a_little_late_and_a_long_one_any_time(walltime: float, late_by: float) -> None:
    life = hour()
    expected = math.inf if late_by == math.inf else life.ends + late_by - walltime
    assert life.latest(walltime) == expected
