"""Batches of attempts become messages that fit."""

from __future__ import annotations

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.parcels import parcels
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
