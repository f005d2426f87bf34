"""The verdict on a soak, from the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.soak.judge import GROWTH_MB, Evidence, growth, slope, violations

LAST: dict[str, Any] = {
    "submitted": 90,
    "settled": 90,
    "right": 90,
    "tasks": 100,
    "runs": 101,
    "hogs": 2,
    "twice": 0,
    "wrong": [],
}
CLOSED: dict[str, Any] = {
    "seconds": 1.5,
    "late_runs": 1,
    "states": {"exec_done": 98, "failed": 2},
    "retries": {},
    "losses": 3,
    "left_open": {},
    "threads": [],
}
FLAT = [(float(second), 50e6) for second in range(300)]


def evidence(last: dict[str, Any] | None = None, closed: dict[str, Any] | None = None, **others: Any) -> Evidence:
    """That of a good soak, but for what is given."""
    facts: dict[str, Any] = {"memory": FLAT, "exit_code": 0, **others}
    return Evidence(reports=[{**LAST, **(last or {})}], closed={**CLOSED, **(closed or {})}, **facts)


def test_a_good_one() -> None:
    assert violations(evidence()) == []


@pytest.mark.parametrize(
    ("last", "complaint"),
    [
        ({"settled": 89, "right": 89}, "1 of 90 items are lost"),
        ({"right": 88}, "2 items did not end as they must"),
        ({"twice": 1}, "1 items counted twice"),
        ({"wrong": ["item 3 has the value 4"]}, "wrong: item 3 has the value 4"),
        ({"submitted": 0, "settled": 0, "right": 0}, "no task was submitted"),
        ({"tasks": 101}, "of 101 tasks, 2 of them memory hogs, the summary says 98 ended well and 2 badly"),
    ],
)
def test_tasks(last: dict[str, Any], complaint: str) -> None:
    assert violations(evidence(last)) == [complaint]


@pytest.mark.parametrize(
    ("closed", "complaint"),
    [
        ({"seconds": 31.0}, "the cleanup took 31.0 s"),
        ({"left_open": {"9": "socket:[1]"}}, "descriptor 9 is open after the cleanup: socket:[1]"),
        ({"threads": ["parsl-like-jobs"]}, "thread parsl-like-jobs runs after the cleanup"),
    ],
)
def test_the_end(closed: dict[str, Any], complaint: str) -> None:
    assert violations(evidence(closed=closed)) == [complaint]


def test_a_driver_that_dies() -> None:
    found = violations(Evidence(reports=[LAST], memory=FLAT, exit_code=-9, stuck="the driver has ended"))
    assert found == [
        "the driver has ended",
        "the driver ended with exit code -9",
        "the driver did not come to its end",
    ]


def test_a_driver_that_never_spoke() -> None:
    assert "the driver never reported" in violations(Evidence())


def test_what_is_left() -> None:
    assert violations(evidence(left=["process 7 is left: python"])) == ["process 7 is left: python"]


def test_memory_that_grows() -> None:
    per_second = (GROWTH_MB + 10) * 1e6 / 270
    (complaint,) = violations(evidence(memory=[(t, 50e6 + per_second * t) for t, _ in FLAT]))
    assert complaint.startswith("the driver grew by 21.9 MB in 269 s")


def test_memory_during_the_warm_up_does_not_count() -> None:
    assert growth([(0.0, 1.0), (29.0, 9e9), (30.0, 5e6), (40.0, 5e6)]) == (0.0, 10.0)


def test_slopes() -> None:
    assert slope([]) == slope([(1.0, 5.0)]) == slope([(1.0, 5.0), (1.0, 7.0)]) == 0.0
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == pytest.approx(2.0)
