"""The file of an executor's blocks: what is written is read, torn lines harm nobody, strangers' files are refused."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.job_states import JobState
from parsl_like.core.reattachment import Rendezvous
from parsl_like.dataflow.blockfile import (
    BLOCK_FILE,
    BLOCK_FILE_VERSION,
    BlockFile,
    Closed,
    Continued,
    Listening,
    Opened,
    block_folders,
    read_blocks,
)
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

WHERE = Rendezvous(("b", "a"), "/keys", None, (("tcp://h:1", "tcp://h:2"),), 3, 77, 12.0)


def opened(**facts: Any) -> Opened:
    said: dict[str, Any] = {"run_id": "run", "label": "htex", "driver": {"pid": 1}, "provider": None, "scripts": "/s"}
    return Opened(time=1.0, version=BLOCK_FILE_VERSION, **{**said, **facts})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def file(folder: Path) -> BlockFile:
    file = BlockFile(str(folder))
    file.create(opened(key="k", seconds=60.0))
    return file


def test_what_is_written_is_read(folder: Path, file: BlockFile) -> None:
    before = time.time()
    file.change("0", "PENDING")
    file.change("0", "PENDING", job="12")
    file.change("1", "PENDING", job="13")
    file.change("0", "RUNNING", job="12", connected=True)
    file.change("1", "FAILED", job="13", reason="no", exit_code=3)
    file.add(Listening(time=2.0, where=WHERE))
    found = read_blocks(str(folder))
    assert found is not None
    assert (found.opened.key, found.opened.seconds, found.where) == ("k", 60.0, WHERE)
    assert (found.closed, found.continued) == (False, None)
    (live,) = found.live()
    assert (live.block, live.job, live.state, live.connected) == ("0", "12", JobState.RUNNING, True)
    assert before <= live.since <= time.time()
    over = found.blocks["1"]  # type: ignore[index]
    assert (over.state, over.reason, over.exit_code, over.over) == (JobState.FAILED, "no", 3, True)


def test_the_end_and_another_run(folder: Path, file: BlockFile) -> None:
    file.add(Continued(time=2.0, by="/runs/001"))
    file.add(Closed(time=3.0))
    found = read_blocks(str(folder))
    assert found is not None
    assert (found.continued, found.closed) == ("/runs/001", True)


def test_a_block_without_a_job_is_not_live(folder: Path, file: BlockFile) -> None:
    file.change("0", "PENDING")
    found = read_blocks(str(folder))
    assert found is not None
    assert list(found.blocks) == ["0"]
    assert found.live() == []


@given(cut=st.integers(min_value=1, max_value=60))
def test_a_line_that_was_only_begun_is_passed_over(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("run")
    file = BlockFile(str(folder))
    file.create(opened())
    file.change("0", "PENDING", job="12")
    whole = (folder / BLOCK_FILE).stat().st_size
    file.change("0", "RUNNING", job="12")
    longest = (folder / BLOCK_FILE).stat().st_size - 1
    os.truncate(folder / BLOCK_FILE, min(whole + cut, longest))
    file.change("1", "PENDING", job="13")
    found = read_blocks(str(folder))
    assert found is not None
    assert [(block.job, block.state) for block in found.live()] == [("12", JobState.PENDING), ("13", JobState.PENDING)]


def test_a_state_of_a_later_version_is_unknown(folder: Path, file: BlockFile) -> None:
    file.change("0", "SUSPENDED", job="12")
    found = read_blocks(str(folder))
    assert found is not None
    assert found.live()[0].state is JobState.UNKNOWN


def test_there_may_be_no_file(folder: Path) -> None:
    assert read_blocks(str(folder)) is None
    assert read_blocks(str(folder / "nowhere")) is None
    assert block_folders(str(folder / "nowhere")) == []


def test_folders_with_a_file(folder: Path) -> None:
    for name in ("one", "two", "three"):
        (folder / name).mkdir()
    (folder / "one" / BLOCK_FILE).touch()
    (folder / "three" / BLOCK_FILE).touch()
    assert block_folders(str(folder)) == [str(folder / "one"), str(folder / "three")]


def test_it_is_made_once_and_for_its_user(folder: Path, file: BlockFile) -> None:
    assert (folder / BLOCK_FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        file.create(opened())


def test_it_is_not_made_anew(folder: Path, file: BlockFile) -> None:
    (folder / BLOCK_FILE).unlink()
    with pytest.raises(FileNotFoundError):
        file.change("0", "PENDING")


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_file_that_is_open_to_others_is_refused(folder: Path, file: BlockFile, mode: int) -> None:
    (folder / BLOCK_FILE).chmod(mode)
    with pytest.raises(ConfigurationError, match="mode 0600"):
        read_blocks(str(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_somebody_elses_file_is_refused(folder: Path, file: BlockFile) -> None:
    os.chown(folder / BLOCK_FILE, 12345, 12345)
    with pytest.raises(ConfigurationError, match="not of 12345"):
        read_blocks(str(folder))


def test_a_folder_that_anybody_may_change_is_refused(folder: Path, file: BlockFile) -> None:
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="cannot be trusted"):
        read_blocks(str(folder))


def test_a_link_and_a_pipe_are_refused(folder: Path, file: BlockFile) -> None:
    (folder / BLOCK_FILE).rename(folder / "real")
    (folder / BLOCK_FILE).symlink_to("real")
    with pytest.raises(OSError, match="symbolic links"):
        read_blocks(str(folder))
    (folder / BLOCK_FILE).unlink()
    os.mkfifo(folder / BLOCK_FILE, 0o600)
    with pytest.raises(ConfigurationError, match="a regular file"):
        read_blocks(str(folder))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"what": "closed", "time": 1.0}', '{"what": "opened"}', "\0"])
def test_another_file_is_refused(folder: Path, text: str) -> None:
    (folder / BLOCK_FILE).touch(0o600)
    (folder / BLOCK_FILE).write_text(text)
    with pytest.raises(ConfigurationError, match=BLOCK_FILE):
        read_blocks(str(folder))


def test_another_version_is_refused_by_its_number(folder: Path) -> None:
    BlockFile(str(folder)).create(
        Opened(**{**{f: getattr(opened(), f) for f in Opened.__struct_fields__}, "version": 9})
    )
    with pytest.raises(ConfigurationError, match=r"version 9 .* reads 1"):
        read_blocks(str(folder))


@given(text=st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / BLOCK_FILE).touch(0o600)
    (folder / BLOCK_FILE).write_bytes(text)
    with pytest.raises(ConfigurationError):
        read_blocks(str(folder))
