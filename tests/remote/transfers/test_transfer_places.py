"""Names in directories, and files that come once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import places
from parsl_like.remote.transfers.places import has_come, inside, once, stays_inside

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "a\0b", "a\\..\\b"])
def test_names_that_lead_out_are_refused(name: str) -> None:
    with pytest.raises(StagingError, match="no name of a file"):
        inside("place", name, "far://h")


@pytest.mark.parametrize("name", ["x", "a/b/x", "...", "a b#ü", ".hidden"])
def test_names_that_stay_are_taken(name: str) -> None:
    assert inside("place", name, "far://h") == os.path.join("place", name)
    assert inside("", name, "far://h") == name


def test_links_out_of_a_place_are_seen(tmp_path: Path) -> None:
    (tmp_path / "place" / "real").mkdir(parents=True)
    (tmp_path / "place" / "out").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "place")
    stays_inside(str(tmp_path / "place"), str(tmp_path / "place/real/x"), "u")
    stays_inside(str(tmp_path / "link"), str(tmp_path / "link/real/x"), "u")
    stays_inside(str(tmp_path / "place"), str(tmp_path / "place/new/x"), "u")
    with pytest.raises(StagingError, match="leads out of"):
        stays_inside(str(tmp_path / "place"), str(tmp_path / "place/out/x"), "u")


def test_a_file_comes_once_for_each_token(tmp_path: Path) -> None:
    path, brought = tmp_path / "x", []

    def bring() -> None:
        brought.append(1)
        path.write_bytes(b"contents")

    assert once(str(path), "one", bring)
    assert not once(str(path), "one", bring)
    assert once(str(path), "two", bring)
    assert not once(str(path), "two", bring)
    path.write_bytes(b"changed")
    assert once(str(path), "two", bring)
    path.unlink()
    assert once(str(path), "two", bring)
    has_come(str(path), "three")
    assert not once(str(path), "three", bring)
    assert len(brought) == 4


def test_a_file_that_did_not_come_is_brought_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "x"

    def fail() -> None:
        raise StagingError("far://h", "not today")

    with pytest.raises(StagingError):
        once(str(path), "one", fail)
    assert once(str(path), "one", lambda: path.write_bytes(b"x"))
    note = next((tmp_path / places.FOLDER).iterdir())
    note.write_text("half a no")
    assert once(str(path), "one", lambda: path.write_bytes(b"x"))


def test_threads_that_want_one_file_wait_for_the_one_that_brings_it(tmp_path: Path) -> None:
    path, brought = tmp_path / "x", []

    def bring() -> None:
        time.sleep(0.2)
        brought.append(1)
        path.write_bytes(b"x")

    threads = [threading.Thread(target=once, args=(str(path), "one", bring)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert brought == [1]


HOLDS = """
import sys, time
from parsl_like.remote.transfers.places import once
def bring():
    print("begun", flush=True)
    time.sleep(60)
once(sys.argv[1], "one", bring)
"""


@pytest.mark.integration
def test_a_process_that_is_killed_or_stuck_holds_up_nobody_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert once(str(path), "one", lambda: path.write_bytes(b"mine"), patience=0.2)
        other.kill()
    assert once(str(path), "one", lambda: path.write_bytes(b"again"))
    assert not once(str(path), "one", lambda: path.write_bytes(b"never"))


def test_where_no_note_can_be_had_files_are_brought_by_each(tmp_path: Path) -> None:
    (tmp_path / places.FOLDER).touch()
    brought: list[int] = []
    for _ in range(2):
        assert once(str(tmp_path / "x"), "one", lambda: brought.append(1))
    has_come(str(tmp_path / "x"), "one")
    assert len(brought) == 2


def test_what_others_have_put_in_the_way_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("do not touch")
    once(str(tmp_path / "x"), "t", lambda: (tmp_path / "x").write_text("1"))
    (note,) = (tmp_path / places.FOLDER).iterdir()
    note.unlink()
    note.symlink_to(mine)
    assert once(str(tmp_path / "x"), "t", lambda: (tmp_path / "x").write_text("2"))
    assert once(str(tmp_path / "x"), "t", lambda: (tmp_path / "x").write_text("3"))
    assert (mine.read_text(), (tmp_path / "x").read_text()) == ("do not touch", "3")
    note.unlink()
    (tmp_path / places.FOLDER).rmdir()
    (tmp_path / "far").mkdir()
    (tmp_path / places.FOLDER).symlink_to(tmp_path / "far")
    assert once(str(tmp_path / "x"), "t", lambda: (tmp_path / "x").write_text("4"))
    assert list((tmp_path / "far").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("which", ["folder", "note"])
def test_notes_of_other_users_are_not_believed(tmp_path: Path, which: str) -> None:
    once(str(tmp_path / "x"), "t", lambda: (tmp_path / "x").write_text("1"))
    assert not once(str(tmp_path / "x"), "t", lambda: (tmp_path / "x").write_text("2"))
    (note,) = (tmp_path / places.FOLDER).iterdir()
    os.chown(note if which == "note" else note.parent, 12345, 12345)
    assert once(str(tmp_path / "x"), "t", lambda: (tmp_path / "x").write_text("3"))
