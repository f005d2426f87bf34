"""Folders that only their user can change."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from parsl_like import folders
from parsl_like.errors import ConfigurationError
from parsl_like.folders import check_folder, make_folders, private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["000", "022", "077", "777"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    mask = int(request.param, 8)
    before = os.umask(mask)
    yield mask
    os.umask(before)


def test_a_private_folder_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    made = private_folder(tmp_path / "a" / "b")
    assert made == str(tmp_path / "a" / "b")
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]


def test_other_folders_are_what_the_umask_leaves_but_nobody_else_can_change_them(tmp_path: Path, umask: int) -> None:
    make_folders(str(tmp_path / "a" / "b"), 0o755)
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert not mode(folder) & 0o022
        assert mode(folder) & 0o700 == 0o700
        assert not mode(folder) & umask & 0o077


def test_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    assert private_folder(tmp_path) == str(tmp_path)
    assert mode(tmp_path) == 0o750


def test_a_group_may_write(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o775)
    check_folder(str(tmp_path / "shared"))


def test_one_that_anybody_can_change_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(
        ConfigurationError, match=r"open' cannot be trusted: anybody can change what is in it.*rwxrwxrwx"
    ):
        check_folder(str(tmp_path / "open"))
    (tmp_path / "open").chmod(0o1777)
    check_folder(str(tmp_path / "open"))
    private_folder(tmp_path / "open" / "mine")


def test_one_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = os.geteuid()
    monkeypatch.setattr(folders.os, "geteuid", lambda: uid + 1)
    if uid == 0:
        check_folder(str(tmp_path))  # root is trusted
        os.chown(tmp_path, 2, 2)
    with pytest.raises(ConfigurationError, match="it belongs to another user"):
        check_folder(str(tmp_path))


def test_what_was_planted_where_anybody_may_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = tmp_path / "tmp"
    (common / "planted" / "deeper").mkdir(parents=True)
    (common / "link").symlink_to(tmp_path)
    common.chmod(0o1777)
    if os.geteuid() == 0:
        for path in (common / "planted", common / "link"):
            os.lchown(path, 2, 2)
    else:
        monkeypatch.setattr(folders.os, "geteuid", lambda: 12345)
    for path in (
        common / "planted",
        common / "planted" / "deeper",
        common / "planted" / "new",
        common / "link" / "new",
    ):
        with pytest.raises(ConfigurationError, match=r"another user .* has put it where anybody may put something"):
            private_folder(path)


def test_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        private_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        private_folder(tmp_path / "file" / "deeper")


def test_one_that_another_process_makes_first_is_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = os.mkdir

    def both(path: str, rights: int) -> None:
        mkdir(path, rights)
        mkdir(path, rights)

    monkeypatch.setattr(folders.os, "mkdir", both)
    assert os.path.isdir(private_folder(tmp_path / "a" / "b"))


def test_where_there_are_no_users_only_the_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(folders.os, "geteuid")
    assert os.path.isdir(private_folder(tmp_path / "a"))
