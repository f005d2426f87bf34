"""Troubles are counted by kind, and told with their times."""

from __future__ import annotations

from parsl_like.core.troubles import KEPT, Troubles


def test_the_same_text_counts_and_keeps_when_it_began() -> None:
    troubles = Troubles()
    troubles.note("dropped", "garbage", 10.0)
    troubles.note("lost", "manager a", 11.0)
    troubles.note("dropped", "garbage", 12.0, count=4)
    assert (troubles.count("dropped"), troubles.count("lost"), troubles.count("refused")) == (5, 1, 0)
    assert troubles.described() == [
        {"kind": "lost", "text": "manager a", "since": 11.0, "last": 11.0, "count": 1},
        {"kind": "dropped", "text": "garbage", "since": 10.0, "last": 12.0, "count": 5},
    ]


def test_a_flood_of_texts_leaves_the_latest_and_the_count() -> None:
    troubles = Troubles()
    for number in range(3 * KEPT):
        troubles.note("dropped", f"garbage {number}", float(number))
    assert troubles.count("dropped") == 3 * KEPT
    assert [trouble["text"] for trouble in troubles.described()] == [f"garbage {n}" for n in range(2 * KEPT, 3 * KEPT)]
