"""Notices to the user come once at once, then in sums."""

from __future__ import annotations

from parsl_like.executors.high_throughput.exchange.notices import DISTINCT, OTHERS, Notices
from parsl_like.executors.high_throughput.protocol import Notice


def test_the_first_is_told_at_once_and_the_others_in_sum() -> None:
    notices = Notices()
    notices.add("stranger", 2)
    assert notices.fresh() == [Notice("stranger", 2)]
    for _ in range(1000):
        notices.add("stranger")
    assert notices.fresh() == []
    assert notices.end_period() == [Notice("stranger", 1000)]
    assert notices.end_period() == []
    notices.add("stranger")
    assert notices.fresh() == [Notice("stranger", 1)]


def test_a_flood_of_different_texts_is_bounded() -> None:
    notices = Notices()
    for number in range(5000):
        notices.add(f"garbage {number}")
    told = notices.fresh() + notices.end_period()
    assert len(told) <= DISTINCT + 2
    assert sum(notice.count for notice in told) == 5000
    assert told[-1].text == OTHERS
