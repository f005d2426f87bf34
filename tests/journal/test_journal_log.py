"""A log as a file: one writes it, others read it meanwhile, and what fails leaves it as it was."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.journal import log as logs
from parsl_like.journal.errors import DamagedRecord, NotALog, UntrustedFile
from parsl_like.journal.frames import OPENING_SIZE, Draft, Opening, encode_opening
from parsl_like.journal.log import LogReader, LogWriter, read_log

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAFTS = [Draft(1, b"a", (b"first",)), Draft(2, b"b", (b"two ", b"halves")), Draft(1, b"c", (b"third",))]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a.log")


@pytest.fixture
def writer(path: str) -> Iterator[LogWriter]:
    made = LogWriter(path, "tests")
    yield made
    made.close()


def read(path: str) -> list[tuple[int, bytes, bytes]]:
    return [(record.kind, record.head, body) for record, body in read_log(path, "tests")]


def test_what_is_appended_is_read(writer: LogWriter, path: str) -> None:
    offsets = writer.append(DRAFTS[:2])
    offsets += writer.append(DRAFTS[2:])
    writer.sync()
    assert read(path) == [(1, b"a", b"first"), (2, b"b", b"two halves"), (1, b"c", b"third")]
    assert [record.offset for record, _ in read_log(path, "tests")] == offsets
    assert os.path.getsize(path) == writer.end
    reader = LogReader(path, "tests")
    assert reader.at(offsets[1])[1] == b"two halves"
    assert reader.head(offsets[2]).head == b"c"
    assert reader.opening == writer.opening
    reader.close()


def test_it_is_its_users_alone_whatever_the_umask(path: str) -> None:
    before = os.umask(0o277)
    try:
        LogWriter(path, "tests").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_nobody_writes_to_the_log_of_another(writer: LogWriter, path: str) -> None:
    with pytest.raises(FileExistsError):
        LogWriter(path, "tests")


def test_a_reader_sees_what_was_whole_when_it_opened(writer: LogWriter, path: str) -> None:
    writer.append(DRAFTS[:1])
    reader = LogReader(path, "tests")
    offset = writer.append(DRAFTS[1:2])[0]
    assert [record.head for record in reader.records()] == [b"a"]
    assert reader.at(offset)[1] == b"two halves"  # who knows where one is can have it
    reader.close()


@pytest.mark.parametrize("room", [0, 1, OPENING_SIZE + 3, 200])
def test_an_append_that_fails_leaves_nothing(
    writer: LogWriter, path: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        left = room - os.fstat(descriptor).st_size
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, bytes(data)[:left])

    monkeypatch.setattr(logs.os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        writer.append([Draft(1, b"large", (b"x" * 500,))])
    assert os.path.getsize(path) == 0
    monkeypatch.undo()
    writer.append(DRAFTS)
    assert [head for _, head, _ in read(path)] == [b"a", b"b", b"c"]


def test_a_write_may_take_less_than_it_is_given(writer: LogWriter, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(logs.os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    writer.append(DRAFTS)
    monkeypatch.undo()
    assert len(read(path)) == 3


def test_a_write_that_writes_nothing_is_an_error(writer: LogWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs.os, "write", lambda *_: 0)
    with pytest.raises(OSError, match="Input/output"):
        writer.append(DRAFTS)


def test_large_records_are_written_and_read_in_pieces(
    writer: LogWriter, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PIECE", 100)
    large = [Draft(1, b"h" * 9000, (b"b" * 50, b"c" * 70_000)), *DRAFTS, Draft(1, b"end", (b"d" * 5000,))]
    offsets = writer.append(large)
    assert read(path) == [(draft.kind, draft.head, b"".join(draft.body)) for draft in large]
    reader = LogReader(path, "tests")
    assert len(reader.at(offsets[0])[1]) == 70_050
    reader.close()


def test_a_file_that_was_removed_is_not_synced(writer: LogWriter, path: str) -> None:
    writer.append(DRAFTS)
    os.unlink(path)
    with pytest.raises(FileNotFoundError, match="removed"):
        writer.sync()


def test_closing_twice_is_harmless(writer: LogWriter) -> None:
    writer.close()
    writer.close()


# --- what is not right


def test_a_damaged_body_is_no_record(writer: LogWriter, path: str) -> None:
    offsets = writer.append(DRAFTS)
    flip(path, offsets[1] + 46)
    assert [head for _, head, _ in read(path)] == [b"a", b"c"]
    reader = LogReader(path, "tests")
    assert len(list(reader.records())) == 3  # bodies are not read for that
    with pytest.raises(DamagedRecord, match=f"byte {offsets[1]} is damaged") as caught:
        reader.at(offsets[1])
    assert isinstance(caught.value, KeyError)
    reader.close()


@pytest.mark.parametrize("wrong", [0, 5, 10**6])
def test_where_no_record_begins_there_is_none(writer: LogWriter, path: str, wrong: int) -> None:
    offsets = writer.append(DRAFTS)
    reader = LogReader(path, "tests")
    for ask in (reader.at, reader.head):
        with pytest.raises(DamagedRecord):
            ask(offsets[0] + wrong if wrong else 0)
    reader.close()


def test_a_torn_end_is_told(writer: LogWriter, path: str) -> None:
    offsets = writer.append(DRAFTS)
    os.truncate(path, offsets[2] + 20)
    reader = LogReader(path, "tests")
    assert [record.head for record in reader.records()] == [b"a", b"b"]
    assert (reader.torn, reader.damages) == (20, [])
    with pytest.raises(DamagedRecord):
        reader.at(offsets[2])
    reader.close()


def test_one_that_was_cut_off_while_it_was_read_ends(writer: LogWriter, path: str) -> None:
    writer.append(DRAFTS)
    reader = LogReader(path, "tests")
    os.truncate(path, 0)
    assert list(reader.records()) == []
    reader.close()


@pytest.mark.parametrize("size", [0, 1, 40, 41, OPENING_SIZE - 1])
def test_one_that_ends_before_its_header_does_is_empty(path: str, size: int) -> None:
    Path(path).write_bytes(encode_opening(Opening("tests", 1.0, 5))[:size])
    Path(path).chmod(0o600)
    reader = LogReader(path, "tests")
    assert list(reader.records()) == []
    assert reader.torn in (size, 0)
    reader.close()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"something else " * 20, "does not begin as a log does"),
        (encode_opening(Opening("others", 1.0, 5)), "a log of 'others', not of 'tests'"),
        (encode_opening(Opening("tests", 1.0, 5, version=9)), "version 9"),
        (encode_opening(Opening("tests", 1.0, 5)).replace(b"tests", b"tezts"), "both copies"),
    ],
)
def test_what_is_no_such_log_is_refused(path: str, content: bytes, says: str) -> None:
    Path(path).write_bytes(content)
    Path(path).chmod(0o600)
    with pytest.raises(NotALog, match=says) as caught:
        LogReader(path, "tests")
    assert path in str(caught.value)


# --- whose it is


def test_one_that_others_can_write_to_is_refused(writer: LogWriter, path: str) -> None:
    writer.append(DRAFTS)
    for mode in (0o620, 0o602, 0o666):
        os.chmod(path, mode)
        with pytest.raises(UntrustedFile, match="others can write to it") as caught:
            LogReader(path, "tests")
        assert f"chmod go-w {path}" in str(caught.value)
    os.chmod(path, 0o644)
    assert len(read(path)) == 3


def test_one_of_another_user_is_refused(writer: LogWriter, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.append(DRAFTS)
    if os.geteuid():
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    else:
        os.chown(path, 12345, -1)
    with pytest.raises(UntrustedFile, match="belongs to user"):
        LogReader(path, "tests")


def test_one_in_a_folder_that_anybody_can_change_is_refused(writer: LogWriter, path: str) -> None:
    writer.append(DRAFTS)
    folder = os.path.dirname(path)
    os.chmod(folder, 0o777)
    with pytest.raises(UntrustedFile, match="folder cannot be trusted"):
        LogReader(path, "tests")
    os.chmod(folder, 0o700)


def test_links_and_pipes_are_refused(writer: LogWriter, path: str, tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    with pytest.raises(UntrustedFile, match="symbolic link"):
        LogReader(str(link), "tests")
    with pytest.raises(UntrustedFile, match="not a regular file"):
        LogReader(str(pipe), "tests")


def flip(path: str, place: int) -> None:
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 0x10]))


# --- other systems


def test_where_nothing_reads_at_a_place_it_is_read_all_the_same(
    writer: LogWriter, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offsets = writer.append([*DRAFTS, Draft(1, b"d", (b"x" * 10_000,))])
    monkeypatch.delattr(os, "pread")
    assert len(read(path)) == 4
    reader = LogReader(path, "tests")
    assert reader.at(offsets[1])[1] == b"two halves"
    reader.close()


def test_a_system_that_reads_less_than_it_is_asked_for_is_asked_again(
    writer: LogWriter, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append([*DRAFTS, Draft(1, b"d", (b"x" * 10_000,))])
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: real(descriptor, min(length, 11), offset))
    assert [len(body) for _, _, body in read(path)] == [5, 10, 5, 10_000]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_file_systems_that_cannot_sync_a_folder_are_let_be(
    writer: LogWriter, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(DRAFTS)
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if number == errno.EINVAL:
        writer.sync()
    else:
        with pytest.raises(OSError, match="Input/output"):
            writer.sync()
