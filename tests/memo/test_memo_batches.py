"""Results that came together: written together, and in every respect what they would be one by one."""

from __future__ import annotations

import errno
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.journal.frames import Draft, encode_frame
from parsl_like.memo import store as stores
from parsl_like.memo.batches import Batch
from parsl_like.memo.entries import PARSL_PART, RESULT, SMALL, Parts, encode_body, encode_head, packed_key, small_record
from parsl_like.memo.store import Store
from parsl_like.memo.table import TaskKey

if TYPE_CHECKING:
    from pathlib import Path

PARTS = (("name", b"n" * 16), ("argument x", b"a" * 16))
PATIENCE = 30.0


def key(number: int, parts: Parts = PARTS) -> TaskKey:
    return TaskKey(f"b2:{number:040x}", parts, "app", number)


class Desk:
    """A store, what it has warned of, and what it has said of batches."""

    def __init__(self, folder: Path, *former: Path) -> None:
        self.warned: list[str] = []
        self.settled: list[bool] = []
        self.store = Store(folder, former, warn=self.warned.append)
        self.store.load()

    def add(self, *numbers: int, value: Callable[[int], Any] = str) -> list[tuple[TaskKey, object]]:
        keys = [key(number) for number in numbers]
        return self.store.add_all(keys, [value(number) for number in numbers], self.settled.append)

    def found(self, *numbers: int) -> dict[int, Any]:
        return {number: self.store.value(key(number)) for number in numbers if key(number) in self.store}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes desks, each of which has a folder of its own and begins with those before; closed after the test."""
    made: list[Desk] = []

    def desk() -> Desk:
        folders = [tmp_path / str(number) for number in range(len(made) + 1)]
        made.append(Desk(folders[-1], *folders[:-1]))
        return made[-1]

    yield desk
    for each in made:
        each.store.close()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing before this is set."""
    opened, write = threading.Event(), os.write

    def late(descriptor: int, data: bytes) -> int:
        opened.wait(PATIENCE)
        return write(descriptor, data)

    monkeypatch.setattr("parsl_like.journal.log.os.write", late)
    yield opened
    opened.set()


# --- bytes


@pytest.mark.parametrize("text", ["b2:" + "1f" * 20, "0123456789abcdef" * 2, "of the program's own", "é"])
@pytest.mark.parametrize("parts", [(), PARTS, (*PARTS, (PARSL_PART, b"p" * 16))])
def test_a_record_is_what_it_would_be_in_pieces(text: str, parts: Parts) -> None:
    packed, blob = packed_key(text), pickle.dumps([1, "one"], 5)
    body = encode_body(text, blob, parts)
    head = encode_head(packed, 2.5, 7, "app", parts)
    expected = encode_frame(Draft(RESULT, head, body), 99) + b"".join(body)
    assert small_record(text, packed, parts, "app", 7, 2.5, blob, 99) == expected


@pytest.mark.parametrize(
    ("blobs", "taken"), [([b"x"], True), ([b"x", None], False), ([b"x", b"x" * SMALL], False), ([], False)]
)
def test_what_may_be_written_together(blobs: list[bytes | None], taken: bool) -> None:
    assert Batch.takes(blobs) is taken


# --- as a rule


def test_the_next_run_finds_them(make: Callable[..., Desk]) -> None:
    desk = make()
    assert desk.add(1, 2, 3) == []
    assert desk.found(1, 2, 3, 4) == {1: "1", 2: "2", 3: "3"}
    assert desk.store.flush()
    assert desk.settled == [True]
    assert desk.found(1, 2, 3, 4) == {1: "1", 2: "2", 3: "3"}
    again = make()
    assert again.found(1, 2, 3, 4) == {1: "1", 2: "2", 3: "3"}
    facts = again.store.facts(key(2))
    assert (facts.name, facts.task, facts.parts) == ("app", 2, PARTS)
    assert [each.facts.task for each in again.store.listed()] == [1, 2, 3]


def test_while_they_wait_for_the_disk_they_are_there(make: Callable[..., Desk], gate: threading.Event) -> None:
    desk = make()
    desk.add(1, 2)
    facts = desk.store.facts(key(2))
    assert (facts.key, facts.task, facts.parts, desk.found(1, 2)) == (key(2), 2, PARTS, {1: "1", 2: "2"})
    assert (len(desk.store), desk.settled) == (2, [])
    gate.set()
    assert desk.store.flush()
    assert (len(desk.store), desk.settled, desk.store._pending_bytes) == (2, [True], 0)


def test_a_key_forgets_what_it_was_made_of_when_it_is_written(make: Callable[..., Desk]) -> None:
    desk, own = make(), key(1)
    desk.store.add_all([own], ["one"], desk.settled.append)
    assert desk.store.flush()
    assert (own.parts, desk.store.parts(own)) == ((), PARTS)


# --- what comes later counts


def test_a_result_that_comes_again_takes_the_place_of_the_one_before(
    make: Callable[..., Desk], gate: threading.Event
) -> None:
    desk = make()
    desk.add(1, 2)
    desk.add(2, 3, value=lambda number: -number)
    assert desk.found(1, 2, 3) == {1: "1", 2: -2, 3: -3}
    gate.set()
    assert desk.store.flush()
    assert desk.found(1, 2, 3) == make().found(1, 2, 3) == {1: "1", 2: -2, 3: -3}
    assert desk.store._pending_bytes == 0


def test_the_same_key_twice_at_once(make: Callable[..., Desk]) -> None:
    desk = make()
    desk.store.add_all([key(1), key(1)], ["first", "second"], desk.settled.append)
    assert desk.store.flush()
    assert (desk.settled, desk.found(1), make().found(1)) == ([True], {1: "second"}, {1: "second"})


def test_what_is_forgotten_meanwhile_is_not_there(make: Callable[..., Desk], gate: threading.Event) -> None:
    desk = make()
    desk.add(1, 2, 3)
    desk.store.forget([key(2)])
    assert desk.found(1, 2, 3) == {1: "1", 3: "3"}
    gate.set()
    assert desk.store.flush()
    assert desk.found(1, 2, 3) == make().found(1, 2, 3) == {1: "1", 3: "3"}


def test_forgetting_all_leaves_what_comes_afterwards(make: Callable[..., Desk], gate: threading.Event) -> None:
    desk = make()
    desk.add(1, 2)
    desk.store.forget_all()
    desk.add(3)
    gate.set()
    assert desk.store.flush()
    assert desk.found(1, 2, 3) == make().found(1, 2, 3) == {3: "3"}
    assert desk.store._pending_bytes == 0


# --- what cannot be written


def test_what_nobody_can_pickle_is_given_back_and_the_others_are_written(make: Callable[..., Desk]) -> None:
    desk = make()
    lock = threading.Lock()
    assert desk.add(1, 2, 3, value=lambda number: lock if number == 2 else number) == [(key(2), lock)]
    assert desk.store.flush()
    assert (desk.settled, len(desk.warned)) == ([True], 1)
    assert desk.found(1, 2, 3) == make().found(1, 2, 3) == {1: 1, 3: 3}


def test_large_values_go_with_small_ones(make: Callable[..., Desk]) -> None:
    desk = make()
    desk.add(1, 2, value=lambda number: b"x" * (SMALL * (number - 1)))
    assert desk.store.flush()
    assert desk.settled == [True]
    assert {number: len(value) for number, value in make().found(1, 2).items()} == {1: 0, 2: SMALL}


def test_a_full_disk_is_told_at_once_and_when_there_is_room_everything_is_written(
    make: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    desk = make()
    with monkeypatch.context() as patch:
        patch.setattr("parsl_like.journal.log.os.write", full)
        desk.add(1, 2)
        assert not desk.store.flush()
        desk.add(2, 3, value=lambda number: -number)
        assert not desk.store.flush()
        assert (desk.settled, len(desk.warned)) == ([False, False], 1)
        assert desk.found(1, 2, 3) == {1: "1", 2: -2, 3: -3}
    assert desk.store.flush()
    assert desk.settled == [False, False], "once each"
    assert desk.store._pending_bytes == 0
    assert make().found(1, 2, 3) == {1: "1", 2: -2, 3: -3}


def test_a_name_that_no_record_can_hold_costs_its_own_result(make: Callable[..., Desk]) -> None:
    desk = make()
    keys = [key(1), TaskKey(key(2), PARTS, "\ud800", 2), key(3)]
    desk.store.add_all(keys, [1, 2, 3], desk.settled.append)
    desk.store.flush()
    assert len(desk.settled) == 1
    assert make().found(1, 2, 3) == {1: 1, 3: 3}


def test_a_disk_that_does_not_keep_up_has_a_bound(
    make: Callable[..., Desk], gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make()
    desk.add(1)
    monkeypatch.setattr(stores, "MOST_PENDING", 2000)
    assert desk.add(*range(2, 12)) == [(key(number), str(number)) for number in range(4, 12)]
    assert "does not keep up" in desk.warned[0]
    gate.set()
    assert desk.store.flush()
    assert make().found(*range(12)) == {1: "1", 2: "2", 3: "3"}


def test_after_the_end_nothing_is_taken(make: Callable[..., Desk]) -> None:
    desk = make()
    desk.add(1)
    desk.store.close()
    desk.add(2)
    assert desk.settled == [True, False]
