"""Pipes grow deep and stocks large only on the evidence of many short tasks."""

from __future__ import annotations

import pytest

from parsl_like.executors.high_throughput.node.pace import (
    GROWTH,
    MAX_CAPACITY,
    MAX_DEPTH,
    SHORT_S,
    STOCK_BYTES,
    STOCK_S,
    Pace,
)


def paced(seconds: float, count: int = 10_000, slots: int = 2, prefetch: int | None = None) -> Pace:
    pace = Pace(slots, prefetch)
    for _ in range(count // 100):
        pace.note(100, 100 * seconds)
    return pace


def test_nothing_is_stocked_before_anything_is_known() -> None:
    pace = Pace(4, None)
    assert (pace.depth(), pace.capacity()) == (1, 4)


@pytest.mark.parametrize(
    ("seconds", "depth"), [(0.0, MAX_DEPTH), (1e-6, MAX_DEPTH), (1e-4, 11), (5e-4, 3), (SHORT_S, 1), (10.0, 1)]
)
def test_pipes_are_as_deep_as_recent_tasks_are_short(seconds: float, depth: int) -> None:
    assert paced(seconds).depth() == depth


@pytest.mark.parametrize(
    ("seconds", "capacity"), [(0.0, MAX_CAPACITY), (1e-6, MAX_CAPACITY), (1e-3, 102), (0.05, 2), (60.0, 2)]
)
def test_the_stock_is_about_fifty_milliseconds_of_work(seconds: float, capacity: int) -> None:
    assert paced(seconds).capacity() == pytest.approx(capacity, abs=2)


def test_one_long_task_among_short_ones_empties_the_pipes_for_a_moment_only() -> None:
    pace = paced(1e-5)
    pace.note(1, 5.0)
    assert pace.depth() <= 3
    pace.note(64, 64e-5)
    assert pace.depth() > 10


def test_a_few_short_tasks_do_not_vouch_for_thousands() -> None:
    pace = Pace(2, None)
    pace.note(2, 2e-6)
    assert pace.capacity() == 2 + 2 * GROWTH
    pace.note(10, 1e-5)
    assert pace.capacity() == 2 + 12 * GROWTH
    pace.note(1, 2 * STOCK_S)
    assert pace.capacity() == 2


@pytest.mark.parametrize(("prefetch", "capacity"), [(0, 2), (7, 9), (10**6, MAX_CAPACITY)])
def test_a_number_is_taken_literally(prefetch: int, capacity: int) -> None:
    assert Pace(2, prefetch).capacity() == capacity
    assert paced(1e-6, prefetch=prefetch).capacity() == capacity


def test_a_node_with_very_many_workers_can_fill_them() -> None:
    assert Pace(2 * MAX_CAPACITY, None).capacity() == 2 * MAX_CAPACITY


def test_a_clock_that_was_set_back_makes_no_negative_task() -> None:
    pace = Pace(2, None)
    pace.note(1, -3600.0)
    assert pace.depth() == MAX_DEPTH


def test_large_tasks_are_stocked_by_their_size() -> None:
    pace = paced(1e-6)
    pace.weigh(100, 100 * 1024 * 1024)
    assert pace.capacity() == pytest.approx(2 + STOCK_BYTES / 1024**2, abs=2)
    pace.weigh(1000, 10 * STOCK_BYTES * 1000)
    assert pace.capacity() == 2
    pace.weigh(1000, 1000 * 50)
    assert pace.capacity() == MAX_CAPACITY
