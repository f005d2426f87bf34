"""Results on disk: found again by the next run, whatever became of this one."""

from __future__ import annotations

import gc
import os
import pickle
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.journal.errors import DamagedRecord
from parsl_like.journal.frames import OPENING_SIZE
from parsl_like.memo.entries import packed_key, unpacked_key
from parsl_like.memo.store import Entry, Store
from parsl_like.serialize import methods
from parsl_like.serialize.base import SerializerBase
from parsl_like.serialize.facade import pack

if TYPE_CHECKING:
    from pathlib import Path

PARTS = (("name", b"n" * 16), ("argument 0", b"a" * 16))


def key(number: int) -> str:
    return f"b2:{number:040x}"


def entry(number: int, value: object = None, name: str = "app") -> Entry:
    return Entry(key(number), PARTS, name, number, value if value is not None else {"number": number})


Make = Callable[..., Store]


@pytest.fixture
def warnings_told() -> list[str]:
    return []


@pytest.fixture
def make(warnings_told: list[str]) -> Iterator[Make]:
    """Makes stores, and closes them."""
    made: list[Store] = []

    def made_one(folder: Path, former: Sequence[Path] = (), **options: Any) -> Store:
        made.append(Store(folder, former, warn=warnings_told.append, **options))
        return made[-1]

    yield made_one
    for store in made:
        store.close()
    stores_closed = [thread for thread in threading.enumerate() if thread.name == "parsl-like-checkpoint"]
    assert stores_closed == []


def filled(make: Make, folder: Path, numbers: range = range(10)) -> Path:
    store = make(folder)
    store.add([entry(number) for number in numbers])
    assert store.flush()
    store.close()
    return folder


# --- what is added is found


def test_nothing_is_touched_before_there_is_something_to_write(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path / "checkpoint", [tmp_path / "none"])
    assert store.flush()
    assert not (tmp_path / "checkpoint").exists()
    assert key(1) not in store
    with pytest.raises(KeyError, match=key(1)):
        store.value(key(1))


def test_the_next_run_finds_what_this_one_has_added(make: Make, tmp_path: Path, warnings_told: list[str]) -> None:
    filled(make, tmp_path / "a")
    store = make(tmp_path / "b", [tmp_path / "a"])
    loaded = store.load()
    assert (loaded.results, loaded.refused, loaded.damaged, len(store)) == (10, (), 0, 10)
    assert str(loaded).startswith("10 remembered results in 1 checkpoint file(s)")
    assert [store.value(key(number)) for number in range(10)] == [{"number": number} for number in range(10)]
    assert store.parts(key(3)) == PARTS
    facts = store.facts(key(3))
    assert (facts.key, facts.task, facts.name) == (key(3), 3, "app")
    assert key(10) not in store
    assert [each.facts.task for each in store.listed()] == list(range(10))
    assert {each.path for each in store.listed()} == {str(tmp_path / "a" / "tasks.pkl")}
    assert OPENING_SIZE + sum(each.size for each in store.listed()) == (tmp_path / "a" / "tasks.pkl").stat().st_size
    assert warnings_told == []


def test_this_run_finds_it_too_before_and_after_it_is_written(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    store.add([entry(1)])
    assert key(1) in store
    assert store.value(key(1)) == {"number": 1}
    assert store.facts(key(1)).name == "app"
    store.flush()
    assert store.value(key(1)) == {"number": 1}
    assert store.parts(key(1)) == PARTS
    assert len(store) == 1


def test_what_the_program_does_to_a_value_afterwards_is_not_remembered(make: Make, tmp_path: Path) -> None:
    store, value = make(tmp_path), [1, 2]
    store.add([entry(1, value)])
    value.append(3)
    assert store.value(key(1)) == [1, 2]
    store.flush()
    assert store.value(key(1)) == [1, 2]
    store.value(key(1)).append(4)
    assert store.value(key(1)) == [1, 2]


def test_none_is_a_value(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    store.add([Entry(key(1), (), "", 1, None)])
    store.flush()
    assert store.value(key(1)) is None


def test_a_later_result_of_a_key_counts(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path / "a")
    store.add([entry(1, "first"), entry(1, "second")])
    assert store.value(key(1)) == "second"
    store.flush()
    assert store.value(key(1)) == "second"
    store.close()
    later = make(tmp_path / "b")
    later.add([entry(1, "third")])
    later.close()
    for order in ([tmp_path / "a", tmp_path / "b"], [tmp_path / "b", tmp_path / "a"]):
        store = make(tmp_path / "c", order)
        assert store.load().results == 1
        assert store.value(key(1)) == "third"


def test_a_former_checkpoint_may_be_named_by_its_run_or_its_file(make: Make, tmp_path: Path) -> None:
    filled(make, tmp_path / "000" / "checkpoint")
    for name in ("000", "000/checkpoint", "000/checkpoint/tasks.pkl"):
        assert make(tmp_path / "x", [tmp_path / name]).load().results == 10
    both = [tmp_path / "000", tmp_path / "000" / "checkpoint"]
    assert len(make(tmp_path / "x", both).load().files) == 1


def test_any_key_is_a_key(make: Make, tmp_path: Path) -> None:
    keys = ["", "a", "ü\ud800", "b2:" + "0" * 39, "b2:" + "A" * 40, "b2: " + "0" * 39, "0" * 32, "F" * 32, "x" * 300]
    keys += ["\x02" + "a" * 20, "\x05" + "b" * 16, "b2:" + "0" * 40]
    assert [unpacked_key(packed_key(each)) for each in keys] == keys
    assert len({packed_key(each) for each in keys}) == len(keys)
    store = make(tmp_path)
    store.add([Entry(each, (), "app", number, number) for number, each in enumerate(keys)])
    store.flush()
    assert [store.value(each) for each in keys] == list(range(len(keys)))
    assert {each.facts.key for each in store.listed()} == set(keys)


# --- values


@dataclass
class Point:
    x: int


class Envious:
    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


def test_values_of_all_kinds(make: Make, tmp_path: Path) -> None:
    values: list[Any] = [Point(4), "x" * 200_000, b"y" * 3_000_000, bytearray(b"z" * 100_000), {1: {2, 3}}, ("a", None)]
    store = make(tmp_path)
    store.add([entry(number, value) for number, value in enumerate(values)])
    store.flush()
    store.close()
    again = make(tmp_path / "b", [tmp_path])
    again.load()
    assert [again.value(key(number)) for number in range(len(values))] == values


def test_functions_travel_too(make: Make, tmp_path: Path) -> None:
    store, two = make(tmp_path), 2
    store.add([entry(1, lambda x: x * two)])
    store.flush()
    assert store.value(key(1))(4) == 8


def test_a_result_that_is_at_hand_as_bytes_is_not_packed_again(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    store.add([entry(1, pack({"a": 1})), entry(2, pack(b"x" * 200_000)), entry(3, pack(bytearray(b"y" * 200_000)))])
    store.flush()
    assert store.value(key(1)) == {"a": 1}
    assert store.value(key(2)) == b"x" * 200_000
    assert store.value(key(3)) == bytearray(b"y" * 200_000)
    gc.collect()


def test_one_that_cannot_be_packed_costs_one_warning(make: Make, tmp_path: Path, warnings_told: list[str]) -> None:
    settled: list[tuple[list[str], bool]] = []
    store = make(tmp_path)
    store.on_written(lambda keys, ok: settled.append((list(keys), ok)))
    store.add([entry(1), entry(2, threading.Lock(), "locking"), entry(3, Envious()), entry(4)])
    store.flush()
    assert [number for number in range(1, 5) if key(number) in store] == [1, 4]
    assert len(warnings_told) == 1
    assert "a result of locking is not in it" in warnings_told[0]
    assert sorted(settled) == [([key(1), key(4)], True), ([key(2), key(3)], False)]


class PointMethod(SerializerBase):
    """Claims points, and keeps them as text."""

    def claims(self, data: object) -> bool:
        return type(data) is Point

    def serialize(self, data: Point) -> bytes:
        return b"the point %d" % data.x

    def deserialize(self, payload: bytes) -> Point:
        return Point(int(payload.removeprefix(b"the point ")))


def test_a_registered_method_packs_what_it_claims(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = PointMethod()
    monkeypatch.setitem(methods.registered, method.identifier, method)
    store = make(tmp_path)
    store.add([entry(1, Point(3)), entry(2, [Point(4)])])
    store.flush()
    assert b"the point 3" in (tmp_path / "tasks.pkl").read_bytes()
    assert [store.value(key(1)), store.value(key(2))] == [Point(3), [Point(4)]]


# --- when it is written


def test_those_who_wait_are_told_once_for_each(make: Make, tmp_path: Path) -> None:
    told: list[str] = []
    for durable in (False, True):
        store = make(tmp_path / str(durable), durable=durable)
        store.on_written(lambda keys, ok: told.extend(keys if ok else ["not written"]))
        for start in range(0, 1000, 100):
            store.add([entry(number) for number in range(start, start + 100)])
        assert store.flush()
        assert sorted(told) == sorted(key(number) for number in range(1000))
        told.clear()


def test_what_counts_as_durable_was_synced(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        events.append("synced a folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "synced")

    monkeypatch.setattr(os, "fsync", fsync)
    store = make(tmp_path / "a", durable=True)
    store.on_written(lambda keys, ok: events.append(f"told of {len(keys)}"))
    store.add([entry(1)])
    assert store.flush(durable=False)
    assert events == ["synced", "synced a folder", "told of 1"]
    events.clear()
    quick = make(tmp_path / "b")
    quick.on_written(lambda keys, ok: events.append(f"told of {len(keys)}"))
    quick.add([entry(1)])
    assert quick.flush(durable=False)
    assert events == ["told of 1"]
    assert quick.flush(durable=True)
    assert events == ["told of 1", "synced", "synced a folder"]
    assert quick.flush(durable=True)
    assert len(events) == 3


def test_the_file_is_its_users_alone(make: Make, tmp_path: Path) -> None:
    filled(make, tmp_path / "new" / "checkpoint")
    assert stat.S_IMODE((tmp_path / "new" / "checkpoint" / "tasks.pkl").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "checkpoint").stat().st_mode) == 0o700


def test_two_stores_of_one_folder_have_a_file_each(make: Make, tmp_path: Path) -> None:
    filled(make, tmp_path, range(5))
    filled(make, tmp_path, range(5, 10))
    filled(make, tmp_path, range(10, 15))
    assert sorted(os.listdir(tmp_path)) == ["tasks-1.pkl", "tasks-2.pkl", "tasks.pkl"]
    (tmp_path / "tasks-01.pkl").write_text("none of them")
    store = make(tmp_path)
    assert store.load().results == 15
    assert [store.value(key(number)) for number in (1, 6, 11)] == [{"number": number} for number in (1, 6, 11)]


def test_what_was_closed_takes_nothing_more(make: Make, tmp_path: Path) -> None:
    told: list[tuple[list[str], bool]] = []
    store = make(tmp_path)
    store.on_written(lambda keys, ok: told.append((list(keys), ok)))
    store.add([entry(1)])
    store.close()
    store.close()
    store.add([entry(2)])
    assert told == [([key(1)], True), ([key(2)], False)]


# --- carried over, and forgotten


def test_results_of_earlier_runs_are_carried_into_this_runs_checkpoint(make: Make, tmp_path: Path) -> None:
    filled(make, tmp_path / "a")
    store = make(tmp_path / "b", [tmp_path / "a"])
    store.load()
    for number in (2, 5, 2):
        store.carry(key(number))
    store.carry(key(77))
    assert store.value(key(2)) == {"number": 2}
    store.flush()
    store.carry(key(5))
    store.flush()
    assert {each.facts.task for each in store.listed() if "/b/" in each.path} == {2, 5}
    store.close()
    alone = make(tmp_path / "c", [tmp_path / "b"])
    assert alone.load().results == 2
    assert alone.value(key(5)) == {"number": 5}
    assert alone.facts(key(5)).task == 5


def test_what_is_forgotten_is_given_no_more(make: Make, tmp_path: Path) -> None:
    filled(make, tmp_path / "a")
    store = make(tmp_path / "b", [tmp_path / "a"])
    store.load()
    store.add([entry(20), entry(21)])
    store.forget([key(2), key(20), key(99)])
    for number in (2, 20):
        assert key(number) not in store
    store.flush()
    assert key(20) not in store
    assert key(21) in store
    store.add([entry(2, "again")])
    store.flush()
    assert store.value(key(2)) == "again"
    store.close()
    after = make(tmp_path / "c", [tmp_path / "b", tmp_path / "a"])
    assert after.load().results == 11
    assert after.value(key(2)) == "again"
    assert key(20) not in after


def test_all_can_be_forgotten(make: Make, tmp_path: Path) -> None:
    filled(make, tmp_path)
    store = make(tmp_path)
    store.load()
    store.forget_all()
    assert len(store) == 0
    store.add([entry(50)])
    store.close()
    after = make(tmp_path / "c", [tmp_path])
    assert after.load().results == 1
    assert key(50) in after


# --- what others may have


def test_many_earlier_runs_need_few_descriptors(make: Make, tmp_path: Path) -> None:
    folders = [filled(make, tmp_path / str(run), range(run, run + 1)) for run in range(50)]
    before = len(os.listdir("/proc/self/fd"))
    store = make(tmp_path / "x", folders)
    assert store.load().results == 50
    assert [store.value(key(number)) for number in range(50)] == [{"number": number} for number in range(50)]
    assert len(os.listdir("/proc/self/fd")) - before <= 33


def test_a_file_that_was_replaced_gives_nothing(
    make: Make, tmp_path: Path, warnings_told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parsl_like.memo.index.MOST_OPEN", 1)
    folders = [filled(make, tmp_path / str(run), range(run, run + 2)) for run in range(3)]
    store = make(tmp_path / "x", folders)
    store.load()
    filled(make, tmp_path / "other", range(1))
    os.replace(tmp_path / "other" / "tasks.pkl", tmp_path / "0" / "tasks.pkl")
    with pytest.raises(DamagedRecord, match="replaced"):
        store.value(key(0))
    assert key(0) not in store
    assert len(warnings_told) == 1


def test_one_that_cannot_be_rebuilt_here_is_not_there(
    make: Make, tmp_path: Path, warnings_told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(tmp_path)
    store.add([entry(1, Point(1)), entry(2, Point(2)), entry(3, 3)])
    store.flush()
    monkeypatch.delitem(globals(), "Point")
    for number in (1, 2):
        with pytest.raises(KeyError, match="cannot be rebuilt here"):
            store.value(key(number))
        assert key(number) not in store
    assert store.value(key(3)) == 3
    assert len(warnings_told) == 1


def test_the_file_is_a_stream_of_pickles(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    of_parsl = b"\xab" * 16
    store.add([entry(1, "x" * 100_000), Entry(key(2), (*PARTS, ("parsl", of_parsl)), "app", 2, None)])
    store.forget([key(1)])
    store.close()
    with open(tmp_path / "tasks.pkl", "rb") as file:
        found = [pickle.load(file), pickle.load(file)]
        with pytest.raises(EOFError):
            pickle.load(file)
    assert found == [
        {"hash": key(1), "exception": None, "result": "x" * 100_000},
        {"hash": "ab" * 16, "exception": None, "result": None},
    ]
