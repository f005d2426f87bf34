"""The budget of retries and of losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.core.ids import MAX_ATTEMPTS

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow

INFINITE = float("inf")
"""The cost of a failure after which trying again makes no sense, whatever the budget."""


def may_retry(row: TaskRow, budget: float) -> bool:
    """Whether a task that has just failed is tried again: its cost so far is within the budget (Parsl's rule).

    Args:
        row: The task, its last failure already added to ``fail_cost``.
        budget: ``Config.retries``, unless the app has its own.
    """
    own = row.app.retries
    affordable = row.fail_cost < INFINITE and row.fail_cost <= (budget if own is None else own)
    return affordable and row.number + 1 < MAX_ATTEMPTS


def may_run_again(row: TaskRow, lost_retries: int) -> bool:
    """Whether a task whose place was lost is run again; ``row.losses`` counts only tries that had started."""
    return row.losses <= lost_retries and row.number + 1 < MAX_ATTEMPTS
