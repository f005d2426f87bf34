from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.core.ids import ATTEMPT_BITS, MAX_ATTEMPTS, attempt_id, number_of, task_of

TASKS = st.integers(0, 2**47)
NUMBERS = st.integers(0, MAX_ATTEMPTS - 1)


@settings(deadline=None, max_examples=50)
@given(TASKS, NUMBERS)
def test_an_attempt_names_its_task_and_its_number(task: int, number: int) -> None:
    attempt = attempt_id(task, number)
    assert (task_of(attempt), number_of(attempt)) == (task, number)


@settings(deadline=None, max_examples=50)
@given(st.tuples(TASKS, NUMBERS), st.tuples(TASKS, NUMBERS))
def test_two_attempts_are_equal_only_if_task_and_number_are(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (attempt_id(*one) == attempt_id(*other)) == (one == other)


def test_the_next_attempt_is_the_next_integer() -> None:
    assert attempt_id(7, 3) + 1 == attempt_id(7, 4)
    assert attempt_id(7, MAX_ATTEMPTS - 1) + 1 == attempt_id(8, 0)
    assert MAX_ATTEMPTS == 1 << ATTEMPT_BITS == 65_536


def test_ten_million_tasks_fit_where_64_bits_travel() -> None:
    assert attempt_id(10**7, MAX_ATTEMPTS - 1) < 2**63
