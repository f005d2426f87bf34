from __future__ import annotations

import math

import pytest

from parsl_like.core.ids import MAX_ATTEMPTS, TaskId, attempt_id
from parsl_like.core.retry import may_retry, may_run_again
from parsl_like.core.task import AppSpec, TaskRow


def row(*, own: float | None = None, cost: float = 0, losses: int = 0, number: int = 0) -> TaskRow:
    made = TaskRow(TaskId(3), AppSpec("f", None, retries=own), "x")
    made.fail_cost, made.losses, made.attempt_id = cost, losses, attempt_id(3, number)
    return made


@pytest.mark.parametrize(
    ("cost", "budget", "again"),
    [
        (1, 0, False),
        (0, 0, True),
        (1, 1, True),
        (1.0001, 1, False),
        (2.5, 2.5, True),
        (-1, 0, True),
        (math.inf, 10**9, False),
        (math.nan, 10**9, False),
    ],
)
def test_a_task_is_tried_again_while_its_cost_is_within_the_budget(cost: float, budget: float, again: bool) -> None:
    assert may_retry(row(cost=cost), budget) is again


@pytest.mark.parametrize(("own", "again"), [(None, True), (0, False), (3, True), (1, False)])
def test_an_app_may_have_a_budget_of_its_own(own: float | None, again: bool) -> None:
    assert may_retry(row(own=own, cost=2), 2) is again


@pytest.mark.parametrize(("losses", "allowed", "again"), [(0, 0, True), (1, 0, False), (3, 3, True), (4, 3, False)])
def test_a_lost_task_is_run_again_as_often_as_allowed(losses: int, allowed: int, again: bool) -> None:
    assert may_run_again(row(losses=losses), allowed) is again


def test_attempts_run_out_before_their_number_would_change_the_task() -> None:
    last, one_left = row(number=MAX_ATTEMPTS - 1), row(number=MAX_ATTEMPTS - 2)
    assert [may_retry(last, math.inf), may_run_again(last, 10**9)] == [False, False]
    assert [may_retry(one_left, math.inf), may_run_again(one_left, 10**9)] == [True, True]
