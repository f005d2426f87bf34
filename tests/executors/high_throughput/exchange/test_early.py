"""Results of managers that are not known."""

from __future__ import annotations

from parsl_like.executors.high_throughput.exchange.early import MOST_BATCHES, EarlyAttempts, EarlyResults


def test_they_are_kept_in_order_until_their_manager_is_known() -> None:
    early = EarlyResults()
    early.keep(b"a", b"1", [b"part"])
    early.keep(b"b", b"x", [])
    early.end_period()
    early.keep(b"a", b"2", [])
    assert early.take(b"a") == [(b"1", [b"part"]), (b"2", [])]
    assert early.take(b"a") == []
    assert early.take(b"b") == [(b"x", [])]


def test_they_are_forgotten_after_two_periods() -> None:
    early = EarlyResults()
    early.keep(b"a", b"1", [])
    early.end_period()
    early.end_period()
    assert early.take(b"a") == []


def test_no_more_than_so_many_are_kept_and_those_taken_or_forgotten_make_room() -> None:
    early = EarlyResults()
    for number in range(MOST_BATCHES + 1):
        early.keep(b"%d" % (number % 2), b"%d" % number, [])
    assert len(early.take(b"0")) + len(early.take(b"1")) == MOST_BATCHES
    for _ in range(2):
        for number in range(MOST_BATCHES):
            early.keep(b"a", b"%d" % number, [])
        assert len(early.take(b"a")) == MOST_BATCHES
        early.keep(b"b", b"1", [])
        early.end_period()
        early.end_period()


def test_attempts_are_remembered_for_two_periods() -> None:
    early = EarlyAttempts()
    early.note(b"a", [1, 2])
    early.end_period()
    early.note(b"a", [3])
    early.note(b"b", [9])
    assert early.take(b"a") == {1, 2, 3}
    assert early.take(b"a") == set()
    early.end_period()
    early.end_period()
    assert early.take(b"b") == set()
