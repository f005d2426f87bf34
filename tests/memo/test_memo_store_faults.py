"""Cuts, flipped bytes, full disks, disks that hang, kills, and others in the same folder: results stay right."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.journal import log as logs
from parsl_like.journal.errors import DamagedRecord
from parsl_like.journal.frames import Opening, encode_opening
from parsl_like.journal.log import LogReader
from parsl_like.memo import store as stores
from parsl_like.memo.store import Entry, Store

if TYPE_CHECKING:
    from pathlib import Path

PARTS = (("name", b"n" * 16),)
LAST = 4096


def key(number: int) -> str:
    return f"b2:{number:040x}"


def right(number: int) -> Any:
    """A value that tells whether it belongs to its key."""
    return {
        "number": number,
        "text": f"result {number} " * (number % 7),
        "bytes": bytes([number % 256]) * (number % 50),
    }


def entry(number: int) -> Entry:
    return Entry(key(number), PARTS, "app", number, right(number))


def loaded(folder: Path, **options: Any) -> Store:
    store = Store(folder / "none", [folder], warn=lambda _: None, **options)
    store.load()
    return store


def found(store: Store, numbers: range) -> set[int]:
    """The numbers whose value can be had; each of them must be right."""
    there = set()
    for number in numbers:
        try:
            value = store.value(key(number))
        except KeyError:
            continue
        assert value == right(number)
        there.add(number)
    return there


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint with 200 results, three of them large."""
    store = Store(tmp_path / "whole", warn=pytest.fail)
    for number in range(200):
        store.add([entry(number)])
    store.add([Entry(key(1000 + number), PARTS, "large", number, bytes([number]) * 100_000) for number in range(3)])
    assert store.flush()
    store.add([entry(number) for number in range(200, 230)])
    store.close()
    return tmp_path / "whole"


def copied(checkpoint: Path, folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "tasks.pkl"
    file.write_bytes(content)
    file.chmod(0o600)
    return folder


def ends_of(checkpoint: Path) -> list[tuple[int, int]]:
    reader = LogReader(str(checkpoint / "tasks.pkl"), "results")
    ends = [(record.end, record.offset) for record in reader.records()]
    reader.close()
    return ends


def test_cut_at_every_byte_of_its_last_4_kib_it_loses_the_torn_result_only(checkpoint: Path, tmp_path: Path) -> None:
    content = (checkpoint / "tasks.pkl").read_bytes()
    ends = [end for end, _ in ends_of(checkpoint)]
    for size in range(len(content) - LAST, len(content)):
        store = loaded(copied(checkpoint, tmp_path / "cut", content[:size]))
        whole = sum(end <= size for end in ends)
        assert len(store) == whole
        assert found(store, range(200, 230)) == set(range(200, whole - 3))
        store.close()


def test_a_cut_anywhere_in_the_file_is_no_other(checkpoint: Path, tmp_path: Path) -> None:
    content = (checkpoint / "tasks.pkl").read_bytes()
    ends = [end for end, _ in ends_of(checkpoint)]
    for size in [*range(150), *random.Random(8).sample(range(len(content)), 100)]:
        store = loaded(copied(checkpoint, tmp_path / "cut", content[:size]))
        assert len(store) == sum(end <= size for end in ends)
        store.close()


def test_none_of_1000_flipped_bytes_gives_a_wrong_value(checkpoint: Path, tmp_path: Path) -> None:
    seed = 20261122
    print("seed", seed)  # noqa: T201 - shown when the test fails
    content = (checkpoint / "tasks.pkl").read_bytes()
    chance, lost_in_all = random.Random(seed), 0
    for _ in range(1000):
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        store = loaded(copied(checkpoint, tmp_path / "flipped", bytes(damaged)))
        there = found(store, range(230))
        large = 0
        for number in range(3):
            try:
                assert store.value(key(1000 + number)) == bytes([number]) * 100_000
                large += 1
            except DamagedRecord:
                pass
            except KeyError:
                assert place < len(content)
        lost = 233 - len(there) - large
        assert lost <= 1, f"byte {place}, bit {bit}"
        lost_in_all += lost
        store.close()
    assert lost_in_all > 950  # all but those in the header


def test_a_damaged_result_is_a_miss_with_one_warning(checkpoint: Path, tmp_path: Path) -> None:
    content = bytearray((checkpoint / "tasks.pkl").read_bytes())
    for end, _ in ends_of(checkpoint)[:2]:
        content[end - 3] ^= 1
    told: list[str] = []
    store = Store(tmp_path / "none", [copied(checkpoint, tmp_path / "damaged", bytes(content))], warn=told.append)
    assert store.load().results == 233
    assert told == []
    for number in (0, 1):
        assert key(number) in store
        with pytest.raises(DamagedRecord):
            store.value(key(number))
        assert key(number) not in store
    assert len(told) == 1
    assert "tasks.pkl" in told[0]
    store.close()


def test_what_is_damaged_is_told_when_it_is_loaded(checkpoint: Path, tmp_path: Path) -> None:
    content = bytearray((checkpoint / "tasks.pkl").read_bytes())
    content[ends_of(checkpoint)[3][1]] ^= 1
    told: list[str] = []
    store = Store(tmp_path / "none", [copied(checkpoint, tmp_path / "damaged", bytes(content))], warn=told.append)
    assert (store.load().damaged, store.load().results) == (1, 232)
    assert "is damaged in 1 place;" in told[0]
    store.close()


# --- who may have written it


def test_a_refused_checkpoint_is_told_and_the_others_are_used(checkpoint: Path, tmp_path: Path) -> None:
    content = (checkpoint / "tasks.pkl").read_bytes()
    copied(checkpoint, tmp_path / "open", content).joinpath("tasks.pkl").chmod(0o666)
    newer = encode_opening(Opening("results", 1.0, 1, version=9))
    copied(checkpoint, tmp_path / "newer", newer + content[len(newer) :])
    told: list[str] = []
    former = [tmp_path / "open", tmp_path / "newer", tmp_path / "missing", checkpoint]
    store = Store(tmp_path / "none", former, warn=told.append)
    result = store.load()
    assert result.results == 233
    reasons = {os.path.relpath(file.path, tmp_path): str(file.refused) for file in result.refused}
    assert sorted(reasons) == ["missing", "newer/tasks.pkl", "open/tasks.pkl"]
    assert "version 9" in reasons["newer/tasks.pkl"]
    assert any("others can write to it" in text for text in told)
    assert "refused" in str(result)
    store.close()


# --- disks


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk with as much room as the list says."""
    room, real = [100], os.write

    def write(descriptor: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(descriptor, bytes(data)[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(logs.os, "write", write)
    return room


def test_a_full_disk_costs_one_warning_and_what_follows_when_there_is_room_is_all_there(
    full: list[int], tmp_path: Path
) -> None:
    told: list[str] = []
    settled: list[tuple[int, bool]] = []
    store = Store(tmp_path / "a", warn=told.append)
    store.on_written(lambda keys, ok: settled.append((len(keys), ok)))
    store.add([entry(number) for number in range(10)])
    assert not store.flush()
    store.add([entry(number) for number in range(10, 20)])
    assert not store.flush()
    assert found(store, range(20)) == set(range(20))  # this run still has them
    assert (len(told), "No space left" in told[0]) == (1, True)
    full[0] = 10**9
    assert store.flush()
    store.close()
    assert settled == [(10, False), (10, False)]
    assert len(told) == 1
    after = loaded(tmp_path / "a")
    assert found(after, range(20)) == set(range(20))
    after.close()


def test_a_disk_that_stays_full_leaves_a_file_that_can_be_loaded(full: list[int], tmp_path: Path) -> None:
    full[0] = 2000
    told: list[str] = []
    store = Store(tmp_path / "a", warn=told.append)
    for number in range(50):
        store.add([entry(number)])
        store.flush(durable=False)
    store.close()
    assert len(told) == 1
    after = loaded(tmp_path / "a")
    there = found(after, range(50))
    assert there == set(range(len(there)))
    assert there
    after.close()


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []
    store = Store(tmp_path / "file" / "checkpoint", warn=told.append)
    store.load()
    told.clear()
    for number in range(5):
        store.add([entry(number)])
        assert not store.flush()
    assert found(store, range(5)) == set(range(5))
    assert len(told) == 1
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_costs_one_warning(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir(mode=0o500)
    told: list[str] = []
    store = Store(folder, warn=told.append)
    store.add([entry(1)])
    assert not store.flush()
    assert len(told) == 1
    store.close()


def test_a_file_that_is_removed_while_it_is_written_is_begun_anew(tmp_path: Path) -> None:
    told: list[str] = []
    store = Store(tmp_path / "a", warn=told.append)
    store.add([entry(1)])
    assert store.flush()
    os.unlink(tmp_path / "a" / "tasks.pkl")
    store.add([entry(2)])
    assert not store.flush()
    assert len(told) == 1
    store.add([entry(3)])
    assert store.flush()
    store.close()
    after = loaded(tmp_path / "a")
    assert 3 in found(after, range(4))
    after.close()


def test_a_disk_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang, real, writing = threading.Event(), os.write, threading.Event()

    def write(descriptor: int, data: bytes) -> int:
        writing.set()
        hang.wait(60)
        return real(descriptor, data)

    monkeypatch.setattr(logs.os, "write", write)
    told: list[str] = []
    store = Store(tmp_path / "a", warn=told.append)
    store.add([entry(1)])
    assert writing.wait(30)
    for number in range(2, 100):
        store.add([entry(number)])
    assert found(store, range(100)) == set(range(1, 100))
    assert not store.flush(timeout=0.05)
    store.close(timeout=0.05)
    assert any("not written within" in text for text in told)
    hang.set()
    for thread in threading.enumerate():
        if thread.name == "parsl-like-checkpoint":
            thread.join(30)
    after = loaded(tmp_path / "a")
    assert found(after, range(100)) == set(range(1, 100))
    after.close()


def test_what_a_disk_does_not_keep_up_with_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang, real, writing = threading.Event(), os.write, threading.Event()

    def write(descriptor: int, data: bytes) -> int:
        writing.set()
        hang.wait(60)
        return real(descriptor, data)

    monkeypatch.setattr(logs.os, "write", write)
    monkeypatch.setattr(stores, "MOST_PENDING", 100_000)
    told: list[str] = []
    settled: list[bool] = []
    store = Store(tmp_path / "a", warn=told.append)
    store.on_written(lambda keys, ok: settled.extend([ok] * len(keys)))
    store.add([entry(0)])
    assert writing.wait(30)
    store.add([Entry(key(number), (), "app", number, b"x" * 10_000) for number in range(1, 31)])
    assert "does not keep up" in told[0]
    hang.set()
    assert store.flush()
    assert (len(settled), settled.count(False) > 15, len(told)) == (31, True, 1)
    store.close()


def test_a_defect_of_whoever_is_told_keeps_nobody_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path / "a", warn=lambda _: None)

    def raises(keys: Any, ok: bool) -> None:
        raise RuntimeError("a defect")

    store.on_written(raises)
    store.add([entry(1)])
    store.flush(timeout=30)
    store.on_written(lambda *_: None)
    store.add([entry(2)])
    store.flush(timeout=30)
    store.close()
    assert "a defect" in caplog.text
    after = loaded(tmp_path / "a")
    assert found(after, range(3)) == {1, 2}
    after.close()


def test_without_a_thread_nothing_is_written_and_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    told: list[str] = []
    settled: list[tuple[list[str], bool]] = []
    store = Store(tmp_path / "a", warn=told.append)
    store.on_written(lambda keys, ok: settled.append((list(keys), ok)))
    store.add([entry(1), entry(2)])
    store.add([entry(3)])
    assert settled == [([key(1), key(2)], False), ([key(3)], False)]
    assert found(store, range(4)) == {1, 2, 3}
    assert not store.flush()
    store.close()
    assert len(told) == 1
    assert "can't start new thread" in told[0]


def test_what_cannot_be_copied_from_an_earlier_run_is_left_there(checkpoint: Path, tmp_path: Path) -> None:
    content = bytearray((checkpoint / "tasks.pkl").read_bytes())
    content[ends_of(checkpoint)[0][0] - 3] ^= 1
    store = Store(tmp_path / "own", [copied(checkpoint, tmp_path / "damaged", bytes(content))], warn=pytest.fail)
    store.load()
    for number in (0, 1):
        store.carry(key(number))
    assert store.flush()
    store.close()
    after = loaded(tmp_path / "own")
    assert found(after, range(3)) == {1}
    after.close()


def test_a_checkpoint_that_cannot_be_read_any_more_is_a_miss_with_one_warning(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    store = Store(tmp_path / "own", [checkpoint], warn=told.append)
    store.load()

    def read(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(logs.LogReader, "_read_once", read)
    for number in range(3):
        with pytest.raises(KeyError, match="Input/output error"):
            store.value(key(number))
        with pytest.raises(KeyError):
            store.facts(key(number + 10))
    assert list(store.listed()) == []
    assert len(told) == 1
    monkeypatch.undo()
    assert found(store, range(20)) == {*range(3, 10), *range(13, 20)}
    store.close()


def test_a_checkpoint_that_cannot_be_looked_into_is_told(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listdir(_: str) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("parsl_like.memo.index.os.listdir", listdir)
    told: list[str] = []
    store = Store(tmp_path / "own", [checkpoint], warn=told.append)
    assert store.load().results == 0
    monkeypatch.undo()
    assert [text.rpartition(": ")[2] for text in told] == ["Permission denied"] * 2
    store.close()


def test_a_flood_of_single_results_is_written_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes, real = [0], os.write

    def write(descriptor: int, data: bytes) -> int:
        writes[0] += 1
        return real(descriptor, data)

    monkeypatch.setattr(logs.os, "write", write)
    store = Store(tmp_path / "a", warn=pytest.fail)
    for number in range(3000):
        store.add([entry(number)])
    assert store.flush()
    assert writes[0] < 3000
    assert found(store, range(3000)) == set(range(3000))
    store.close()


# --- processes

WRITER = """
import sys
from parsl_like.memo.store import Entry, Store
sys.path.insert(0, {tests!r})
from test_memo_store_faults import entry, key
folder, start, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = Store(folder)
def told(keys, ok):
    assert ok
    sys.stdout.write("".join(f"{{int(each[3:], 16)}}\\n" for each in keys))
    sys.stdout.flush()
store.on_written(told)
for number in range(start, start + count, 5):
    store.add([entry(each) for each in range(number, number + 5)])
store.close()
"""


def start_writer(folder: Path, first: int, count: int) -> subprocess.Popen[str]:
    program = WRITER.format(tests=os.path.dirname(__file__))
    command = [sys.executable, "-c", program, str(folder), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.integration
def test_a_killed_writer_has_lost_nothing_that_was_told_to_be_written(tmp_path: Path) -> None:
    seed = 81122
    print("seed", seed)  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    torn = 0
    for attempt in range(6):
        folder = tmp_path / str(attempt)
        process = start_writer(folder, 0, 1_000_000)
        assert process.stdout is not None
        told = {int(process.stdout.readline()) for _ in range(chance.randrange(1, 3000))}
        process.send_signal(signal.SIGKILL)
        told |= {int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")}
        process.wait(30)
        process.stdout.close()
        store = Store(folder / "none", [folder], warn=pytest.fail)
        news = store.load()
        torn += any(file.torn for file in news.files)
        numbers = range(max(told) + 50_000)
        assert found(store, numbers) >= told
        store.close()
    print("torn in", torn, "of 6")  # noqa: T201


@pytest.mark.integration
def test_several_writers_and_a_reader_in_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path / "shared", first, 3000) for first in range(0, 12000, 3000)]
    while any(writer.poll() is None for writer in writers):
        reader = Store(tmp_path / "none", [tmp_path / "shared"], warn=lambda _: None)
        assert reader.load().damaged == 0
        found(reader, range(0, 12000, 500))
        reader.close()
        for writer in writers:
            assert writer.stdout is not None
            if writer.poll() is None:
                writer.stdout.readline()
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
        assert writer.returncode in (0, -signal.SIGPIPE)
    store = loaded(tmp_path / "shared")
    assert found(store, range(12000)) == set(range(12000))
    store.close()
