"""The files of a job: private, unique, and never in somebody's way."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import ScriptPathError
from parsl_like.providers.job_files import JobFiles, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_only_the_user_may_read_them_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    files = JobFiles.claim(tmp_path, "job")
    files.write("text", {"key": b"secret"})
    assert mode(files.script) == 0o700
    assert {mode(path) for path in (files.stdout, files.stderr, files.exit_code, files.extra / "key")} == {0o600}
    assert mode(files.extra) == 0o700
    assert files.script.read_text() == "text"
    assert (files.extra / "key").read_bytes() == b"secret"


def test_names_are_never_used_twice(tmp_path: Path) -> None:
    names = [JobFiles.claim(tmp_path, "same").name for _ in range(3)]
    assert names == ["same", "same.1", "same.2"]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("a b/../$(c)'\n", "a_b_.._c_"),
        ("-rf", "rf"),
        ("..", "job"),
        ("", "job"),
        ("ü" * 5, "_"),
        ("x" * 500, "x" * 100),
    ],
)
def test_names_are_names_of_files(wanted: str, name: str, tmp_path: Path) -> None:
    assert JobFiles.claim(tmp_path, wanted).name == name


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert JobFiles.claim(tmp_path / "removed" / "scripts", "job").script.exists()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, reason in (("file", "File exists"), ("file/below", "Not a directory")):
        with pytest.raises(ScriptPathError, match=reason) as caught:
            JobFiles.claim(tmp_path / folder, "job")
        assert not caught.value.transient


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs a folder that takes no files, whoever asks")
def test_a_folder_that_takes_no_files() -> None:
    with pytest.raises(ScriptPathError, match=r"/proc/self/task/job\.sh.*No such file"):
        JobFiles.claim(Path("/proc/self/task"), "job")


def test_a_name_half_taken(tmp_path: Path) -> None:
    (tmp_path / "job.out").write_text("of somebody else")
    with pytest.raises(ScriptPathError, match=r"job\.sh.*File exists"):
        JobFiles.claim(tmp_path, "job")
    assert (tmp_path / "job.out").read_text() == "of somebody else"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", ".."])
def test_a_blocks_file_cannot_lead_out_of_its_folder(name: str, tmp_path: Path) -> None:
    files = JobFiles.claim(tmp_path, "job")
    with pytest.raises(ScriptPathError, match="is no file name"):
        files.write("", {name: b""})


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    files = JobFiles.claim(tmp_path, "job")
    files.extra.write_text("in the way")
    with pytest.raises(ScriptPathError, match="File exists"):
        files.write("", {})


def test_a_full_disk_may_have_room_again(tmp_path: Path) -> None:
    assert unwritable(tmp_path, OSError(errno.ENOSPC, "No space left on device")).transient
    assert not unwritable(tmp_path, OSError(errno.EROFS, "Read-only file system")).transient


@pytest.mark.parametrize(("text", "exit_code"), [("", None), ("0\n", 0), ("137\n", 137), ("-9\n", -9), ("x", None)])
def test_exit_codes(text: str, exit_code: int | None, tmp_path: Path) -> None:
    files = JobFiles.claim(tmp_path, "job")
    files.exit_code.write_text(text)
    assert files.read_exit_code() == exit_code


def test_a_file_is_old_rather_than_from_the_future(tmp_path: Path) -> None:
    files = JobFiles.claim(tmp_path, "job")
    os.utime(files.script, (1000, 1000))
    assert files.age(files.script, 1007.0) == 7.0
    assert files.age(files.script, 900.0) == 100.0
    assert files.age(files.cancelled, 1007.0) is None


def test_the_blocks_own_files_can_be_removed(tmp_path: Path) -> None:
    files = JobFiles.claim(tmp_path, "job")
    files.write("", {"key": b"secret"})
    files.remove_extra()
    files.remove_extra()
    assert not files.extra.exists()
    assert files.script.exists()
