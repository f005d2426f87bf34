"""Files taken out of ZIP archives and put in."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import archives
from parsl_like.remote.transfers.archives import Member, pack, unpack
from parsl_like.remote.transfers.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path


def member(place: Path, name: str, path: str = "x", archive: str = "a.zip") -> Member:
    return Member(f"zip:{place}/{archive}/{name}", str(place / archive), name, str(place / path), str(place))


def refused(what: Member, folder: Path) -> str:
    before = sorted(name for name in os.listdir(folder) if not name.endswith(".lock"))
    with pytest.raises(StagingError) as caught:
        unpack(what)
    assert caught.value.url == what.url
    assert sorted(name for name in os.listdir(folder) if not name.endswith(".lock")) == before
    return caught.value.reason


def test_a_member_is_taken_out(tmp_path: Path) -> None:
    data = os.urandom(600_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/here.txt", data)
        archive.writestr("empty", b"")
    assert unpack(member(tmp_path, "in/here.txt", "in/here.txt")).size == len(data)
    assert (tmp_path / "in" / "here.txt").read_bytes() == data
    unpack(member(tmp_path, "empty", "y"))
    assert (tmp_path / "y").read_bytes() == b""


def test_links_directories_and_what_is_encrypted_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, mode in (("link", stat.S_IFLNK), ("pipe", stat.S_IFIFO), ("device", stat.S_IFCHR)):
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
        archive.writestr("../out", b"out")
        archive.mkdir("folder")
    for name in ("link", "pipe", "device", "folder/"):
        assert "and no file" in refused(member(tmp_path, name), tmp_path)
    assert "has no member 'none'" in refused(member(tmp_path, "none"), tmp_path)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1  # the flag of encryption, of the first member, here and in the directory
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    data[data.index(b"PK\1\2") + 38 : data.index(b"PK\1\2") + 42] = b"\0\0\0\0"  # and a plain file
    (tmp_path / "a.zip").write_bytes(data)
    assert "is encrypted" in refused(member(tmp_path, "link"), tmp_path)


def test_a_link_beside_the_files_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "in").symlink_to(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/here", b"x")
    what = Member("zip:", str(tmp_path / "a.zip"), "in/here", str(tmp_path / "place/in/here"), str(tmp_path / "place"))
    with pytest.raises(StagingError, match="leads out of"):
        unpack(what)
    assert not (tmp_path / "here").exists()


def test_damage_is_noticed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"contents that matter")
    good = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(good.replace(b"matter", b"mattar"))
    assert "is damaged" in refused(member(tmp_path, "x", "y"), tmp_path)
    (tmp_path / "a.zip").write_bytes(good[:-30])
    assert "is no ZIP archive" in refused(member(tmp_path, "x", "y"), tmp_path)
    assert "there is no archive" in refused(member(tmp_path, "x", "y", "b.zip"), tmp_path)
    assert "there is no archive" in refused(member(tmp_path, "x", "y", "no/where/b.zip"), tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a.zip"], "who only reads leaves nothing"


def test_members_are_put_in_and_the_last_of_a_name_counts(tmp_path: Path) -> None:
    for text in (b"first", b"second"):
        (tmp_path / "x").write_bytes(text)
        pack(member(tmp_path, "in/here", archive="new/a.zip"))
    pack(member(tmp_path, "other", archive="new/a.zip"))
    with zipfile.ZipFile(tmp_path / "new" / "a.zip") as archive:
        assert archive.read("in/here") == b"second"
        assert archive.read("other") == b"second"
        assert archive.testzip() is None
    assert sorted(os.listdir(tmp_path / "new")) == [".a.zip.lock", "a.zip"]


def test_many_at_once_put_files_into_one_archive(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"f{number}").write_bytes(os.urandom(20_000))
    threads = [
        threading.Thread(target=pack, args=(member(tmp_path, f"in/{number}", f"f{number}"),)) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for number in range(8):
            assert archive.read(f"in/{number}") == (tmp_path / f"f{number}").read_bytes()


def test_an_archive_is_as_it_was_if_a_file_cannot_be_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"contents" * 1000)
    pack(member(tmp_path, "one"))
    good = (tmp_path / "a.zip").read_bytes()

    def broken(self: Progress, count: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "x").write_bytes(os.urandom(20_000))
    monkeypatch.setattr(Progress, "add", broken)
    with pytest.raises(StagingError, match="No space left on device"):
        pack(member(tmp_path, "two"))
    with pytest.raises(StagingError, match="No space left on device"):
        pack(member(tmp_path, "two", archive="b.zip"))
    assert (tmp_path / "a.zip").read_bytes() == good
    assert not (tmp_path / "b.zip").exists()
    with pytest.raises(StagingError, match="is no file that could be put"):
        pack(member(tmp_path, "two", "none"))


KILLED = """
import os, signal, sys
from parsl_like.remote.transfers import archives
from parsl_like.remote.transfers.progress import Progress

archives.CHUNK = 10_000
written = []

def killed(self, count):
    written.append(count)
    if sum(written) >= 200_000:
        os.kill(os.getpid(), signal.SIGKILL)

Progress.add = killed
archives.pack(archives.Member("zip:", sys.argv[1], "two", sys.argv[2]))
"""


@pytest.mark.integration
def test_an_archive_whose_writer_was_killed_is_mended_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"contents" * 1000)
    pack(member(tmp_path, "one"))
    good = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "big").write_bytes(os.urandom(300_000))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.zip"), str(tmp_path / "big")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not zipfile.is_zipfile(tmp_path / "a.zip")
    unpack(member(tmp_path, "one", "y"))
    assert (tmp_path / "y").read_bytes() == b"contents" * 1000
    assert (tmp_path / "a.zip").read_bytes() == good
    pack(member(tmp_path, "two"))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["one", "two"]


def test_what_was_kept_only_in_part_is_not_put_back(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    pack(member(tmp_path, "one"))
    for kept in (b"", b"[1", b"[0, 99]\nshort"):
        (tmp_path / ".a.zip.undo").write_bytes(kept)
        unpack(member(tmp_path, "one", "y"))
        assert not (tmp_path / ".a.zip.undo").exists()


def test_an_archive_in_a_place_where_nothing_can_be_written_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    pack(member(tmp_path, "one"))
    monkeypatch.setattr(archives, "_beside", lambda *_: "/proc/none/lock")
    unpack(member(tmp_path, "one", "y"))
    assert (tmp_path / "y").read_bytes() == b"x"


def test_links_beside_an_archive_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"one")
    (tmp_path / "mine").write_bytes(b"do not touch")
    (tmp_path / ".a.zip.undo").symlink_to(tmp_path / "mine")
    with pytest.raises(StagingError, match="mending"):
        pack(member(tmp_path, "one"))
    assert (tmp_path / "mine").read_bytes() == b"do not touch"
    (tmp_path / ".a.zip.undo").unlink()
    (tmp_path / ".a.zip.lock").unlink()
    (tmp_path / ".a.zip.lock").symlink_to(tmp_path / "new")
    pack(member(tmp_path, "one"))
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_what_others_keep_beside_an_archive_is_not_put_into_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"one")
    pack(member(tmp_path, "one"))
    before = (tmp_path / "a.zip").read_bytes()
    undo = tmp_path / ".a.zip.undo"
    undo.write_bytes(b"[0, 4]\nevil")
    os.chown(undo, 12345, 12345)
    with pytest.raises(StagingError, match="of somebody else"):
        pack(member(tmp_path, "two"))
    assert (tmp_path / "a.zip").read_bytes() == before
    os.chown(tmp_path / "a.zip", 12345, 12345)
    undo.write_bytes(b"[%d, 4]\nback" % len(before))
    with pytest.raises(StagingError, match="has no member"):
        unpack(member(tmp_path, "two"))
    assert not undo.exists()


def test_a_member_keeps_its_time_and_mode(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"one" * 100_000)
    os.chmod(tmp_path / "x", 0o640)
    os.utime(tmp_path / "x", (1e9, 1e9))
    assert pack(member(tmp_path, "one")).size == 300_000
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        info = archive.getinfo("one")
        assert (info.external_attr >> 16 & 0o777, info.date_time[0], info.compress_type) == (0o640, 2001, 8)
        assert info.compress_size < info.file_size == 300_000
