"""Batches of attempts become messages that fit."""

from __future__ import annotations

import pytest

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.parcels import MOST_PARTS, parcels
from parsl_like.executors.high_throughput.links.port import LARGE
from parsl_like.executors.high_throughput.protocol import TaskItem, Tasks

LIMIT = 1_000_000


def items(count: int, size: int = 10) -> list[TaskItem]:
    return [TaskItem(n, b"f", bytes(size), n % 2) for n in range(count)]


def test_a_batch_that_fits_is_one_message() -> None:
    batch = items(4)
    (parcel,) = parcels(batch, {1: [b"one"], 3: [b"three"]}, [(b"m", 7)], LIMIT)
    assert protocol.decode(parcel.frame) == Tasks(batch, [(b"m", 7)])
    assert (parcel.size, parcel.buffers) == (4, [b"one", b"three"])


def test_a_batch_that_does_not_fit_is_split_in_order() -> None:
    batch = items(9, size=100)
    made = list(parcels(batch, {n: [str(n)] for n in (1, 3, 5, 7)}, [(b"m", 7)], limit=350))
    assert all(len(parcel.frame) <= 350 for parcel in made)
    decoded = [protocol.decode(parcel.frame) for parcel in made]
    assert [item for message in decoded for item in message.items] == batch
    assert [message.acknowledged for message in decoded] == [[(b"m", 7)]] + [[]] * (len(made) - 1)
    assert [len(message.items) for message in decoded] == [parcel.size for parcel in made]
    assert [part for parcel in made for part in parcel.buffers] == ["1", "3", "5", "7"]


def test_one_attempt_is_never_split() -> None:
    (parcel,) = parcels(items(1, size=1000), {}, [], limit=10)
    assert parcel.size == 1


def test_an_acknowledgement_needs_no_attempt() -> None:
    (parcel,) = parcels([], {}, [(b"m", 7)], LIMIT)
    assert protocol.decode(parcel.frame) == Tasks([], [(b"m", 7)])


def test_no_message_has_more_parts_than_a_link_passes_and_none_is_split_for_nothing() -> None:
    batch = items(1000)
    made = list(parcels(batch, {n: [str(n)] for n in range(1, 1000, 2)}, [(b"m", 7)], LIMIT))
    assert max(len(parcel.buffers) for parcel in made) <= MOST_PARTS
    assert len(made) <= 2 * 500 / MOST_PARTS + 1
    assert [part for parcel in made for part in parcel.buffers] == [str(n) for n in range(1, 1000, 2)]
    decoded = [protocol.decode(parcel.frame) for parcel in made]
    assert [item for message in decoded for item in message.items] == batch
    assert all(sum(item.buffers for item in m.items) == len(p.buffers) for m, p in zip(decoded, made, strict=True))
    assert [message.acknowledged for message in decoded] == [[(b"m", 7)]] + [[]] * (len(made) - 1)


def test_parts_of_one_attempt_stay_together() -> None:
    item = TaskItem(1, b"f", b"", 100)
    (parcel,) = parcels([item], {1: [b"x"] * 100}, [], LIMIT)
    assert len(parcel.buffers) == 100


@pytest.mark.parametrize("large", [{0}, {3}, {9}, {3, 4, 7}, set(range(10))], ids=str)
def test_what_is_large_travels_alone(large: set[int]) -> None:
    big = bytes(LARGE)
    batch = [TaskItem(n, b"f", b"", 1) for n in range(10)]
    made = list(parcels(batch, {n: [big if n in large else b"small"] for n in range(10)}, [(b"m", 7)], LIMIT))
    decoded = [protocol.decode(parcel.frame) for parcel in made]
    assert [item for message in decoded for item in message.items] == batch
    assert [len(m.items) for m in decoded if m.items[0].attempt in large] == [1] * len(large)
    assert [message.acknowledged for message in decoded] == [[(b"m", 7)]] + [[]] * (len(made) - 1)


def test_many_large_ones_are_no_deep_matter() -> None:
    big = bytes(LARGE)
    batch = [TaskItem(n, b"f", b"", 1) for n in range(3000)]
    assert len(list(parcels(batch, {n: [big] for n in range(3000)}, [], LIMIT))) == 3000
