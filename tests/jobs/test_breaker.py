"""When the next block is asked for, and when no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.jobs.breaker import LONGEST_WAIT_S, REFUSED_FOR_S, STILLBIRTHS, STILLBORN_FOR_S, Breaker


def refuse(breaker: Breaker, now: float, *, transient: bool = True, since: float | None = None) -> None:
    breaker.refused("squeue: busy", transient=transient, since=now if since is None else since, now=now, jitter=0.5)


def waves(breaker: Breaker, *, transient: bool) -> list[float]:
    """When each try is made, until the verdict."""
    now, times = 0.0, []
    while breaker.verdict(now) is None:
        times.append(now)
        refuse(breaker, now, transient=transient)
        assert breaker.retry_at > now
        now = breaker.retry_at
    return times


def test_refusals_that_may_pass_are_tried_again_with_doubled_waits() -> None:
    assert waves(Breaker(), transient=True) == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0]


def test_refusals_that_will_not_pass_are_tried_less_often() -> None:
    assert waves(Breaker(), transient=False) == [0.0, 1.0, 3.0]


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_giving_up_takes_less_than_a_minute_however_the_dice_fall(jitter: float) -> None:
    breaker, now = Breaker(), 0.0
    while breaker.verdict(now) is None:
        breaker.refused("x", transient=True, since=now, now=now, jitter=jitter)
        if breaker.verdict(now) is None:
            now = breaker.retry_at
    assert now < 45.0


def test_the_last_try_comes_in_time_also_when_other_trouble_went_before() -> None:
    breaker = Breaker()
    for now in (0.0, 10.0, 20.0, 30.0):
        breaker.short_lived("killed", now=now, jitter=0.5)
    now = 40.0
    while breaker.verdict(now) is None:
        refuse(breaker, now)
        now = breaker.retry_at if breaker.verdict(now) is None else now
    assert now == 40.0 + REFUSED_FOR_S


def test_slow_refusals_need_not_be_many() -> None:
    breaker = Breaker()
    refuse(breaker, 38.0, since=0.0)
    assert breaker.verdict(38.0) is None
    refuse(breaker, 77.0, since=39.0)
    assert breaker.verdict(77.0) == "2 submissions in a row were refused in 77 s; the last: squeue: busy"


def test_one_refusal_is_never_enough() -> None:
    breaker = Breaker()
    refuse(breaker, 0.0, transient=False)
    assert breaker.verdict(1e6) is None


def test_blocks_refused_together_are_one_refusal() -> None:
    breaker = Breaker()
    for _ in range(20):
        refuse(breaker, 0.0, transient=False)
    assert (breaker.refusals, breaker.strikes, breaker.verdict(0.0)) == (1, 1, None)


def test_one_that_may_pass_makes_the_row_one_that_may_pass() -> None:
    breaker = Breaker()
    for now in (0.0, 10.0, 30.0):
        refuse(breaker, now, transient=now == 10.0)
    assert breaker.verdict(30.0) is None


def test_a_taken_submission_ends_the_row() -> None:
    breaker = Breaker()
    for now in (0.0, 10.0):
        refuse(breaker, now, transient=False)
    breaker.submitted()
    refuse(breaker, 30.0, transient=False)
    assert (breaker.refusals, breaker.verdict(30.0)) == (1, None)


def test_blocks_that_die_at_once() -> None:
    breaker = Breaker()
    for number in range(STILLBIRTHS):
        assert breaker.verdict(0.0) is None
        breaker.stillborn(f"block {number} died", now=float(number), jitter=0.5)
    assert breaker.verdict(2.0) == "3 blocks in a row ended before a manager had connected; the last: block 2 died"
    breaker.connected()
    assert breaker.verdict(2.0) is None


def test_blocks_that_die_at_once_after_others_have_worked_may_do_so_for_a_while() -> None:
    breaker, now, tries = Breaker(), 100.0, 0
    breaker.connected()
    while breaker.verdict(now) is None:
        breaker.stillborn("no route to host", now=now, jitter=0.5)
        now, tries = max(now, breaker.retry_at), tries + 1
    assert STILLBORN_FOR_S <= now - 100.0 <= STILLBORN_FOR_S + LONGEST_WAIT_S
    assert tries == 7


def test_blocks_that_die_soon_after_are_a_reason_to_wait_only() -> None:
    breaker, now = Breaker(), 0.0
    for _ in range(50):
        breaker.short_lived("gone", now=now, jitter=0.5)
        assert breaker.verdict(now) is None
        now = breaker.retry_at
    assert breaker.retry_at - now <= LONGEST_WAIT_S
    breaker.steady()
    assert (breaker.retry_at, breaker.strikes) == (0.0, 0)


@given(st.lists(st.tuples(st.sampled_from(["refused", "stillborn", "short_lived"]), st.floats(0, 1)), max_size=60))
def test_waits_are_never_shorter_than_a_little_nor_longer_than_a_while(news: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for kind, jitter in news:
        if kind == "refused":
            breaker.refused("x", transient=True, since=now, now=now, jitter=jitter)
        else:
            getattr(breaker, kind)("x", now=now, jitter=jitter)
        assert 0.7 <= breaker.retry_at - now <= 1.3 * LONGEST_WAIT_S
        now = breaker.retry_at
