"""What the local channel promises beyond the contract, and the calls of Parsl 1.2 on it."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like.channels
from parsl_like.channels import Channel, LocalChannel
from parsl_like.channels.errors import ChannelError
from parsl_like.channels.local import LocalChannelSession, parsl_like_channel_types, parsl_like_open_channel

if TYPE_CHECKING:
    import subprocess


def test_commands_run_in_the_channels_folder_with_its_variables(tmp_path: Path) -> None:
    session = LocalChannel(str(tmp_path), {"GREETING": "he llo"}).open()
    result = session.run(["bash", "-c", 'pwd -P; echo "$GREETING"; echo "$HOME"'], timeout=30)
    assert result.stdout.splitlines() == [str(tmp_path.resolve()), "he llo", os.environ["HOME"]]


def test_a_relative_folder_is_made_absolute_when_the_session_is_opened(tmp_path: Path) -> None:
    session = LocalChannel().open()
    before = Path.cwd()
    os.chdir(tmp_path)
    assert session.run(["pwd", "-P"], timeout=30).stdout.rstrip("\n") == str(before.resolve())


def test_something_left_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    """Submit commands start daemons that keep their output open."""
    pid_file = tmp_path / "pid"
    program = 'sleep 60 & echo "$!" > "$1"; echo submitted'
    result = LocalChannel().open().run(["bash", "-c", program, "x", str(pid_file)], timeout=50)
    os.kill(int(pid_file.read_text()), 9)
    assert result.stdout == "submitted\n"


def test_what_a_command_wrote_before_its_limit_is_told() -> None:
    with pytest.raises(ChannelError, match=r"longer than 0\.5 s and was killed; it had written: waiting for a lock"):
        LocalChannel().open().run(["bash", "-c", "echo waiting for a lock >&2; sleep 60"], timeout=0.5)
    with pytest.raises(ChannelError, match="it had written nothing"):
        LocalChannel().open().run(["sleep", "60"], timeout=0.1)


def test_a_signal_is_a_negative_exit_code() -> None:
    assert LocalChannel().open().run(["bash", "-c", "kill -9 $$"], timeout=30).exit_code == -9


def test_an_interrupted_wait_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    def interrupted(self: object, timeout: float | None = None) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LocalChannel().open().run(["sleep", "60"], timeout=30)


def test_where_there_are_no_process_groups_the_command_itself_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg")
    with pytest.raises(ChannelError, match="was killed"):
        LocalChannel().open().run(["sleep", "60"], timeout=0.1)


def test_copying_a_file_onto_itself_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    LocalChannel(str(tmp_path)).open().push(path, Path("file"))
    assert path.read_text() == "kept"


def test_copying_keeps_the_mode_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("secret")
    path.chmod(0o600)
    LocalChannel(str(tmp_path)).open().push(path, Path("new", "folder", "key"))
    assert (tmp_path / "new" / "folder" / "key").stat().st_mode & 0o777 == 0o600


class TestParsl12:
    """``channel.execute_wait(...)`` and the others, each a session of its own."""

    def test_execute_wait(self) -> None:
        code, out, err = LocalChannel().execute_wait('echo "$A"; echo e >&2; exit 2', 30, {"A": "x y"})
        assert (code, out, err) == (2, "x y\n", "e\n")
        assert LocalChannel().execute_wait("true") == (0, "", "")

    def test_push_and_pull(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_text("content")
        channel = LocalChannel()
        assert channel.push_file(str(source), str(tmp_path / "there")) == str(tmp_path / "there" / "source")
        assert channel.pull_file(str(tmp_path / "there" / "source"), str(tmp_path / "back")) == str(
            tmp_path / "back" / "source"
        )
        assert (tmp_path / "back" / "source").read_text() == "content"

    def test_folders(self, tmp_path: Path) -> None:
        channel = LocalChannel(str(tmp_path))
        channel.makedirs("a/b", mode=0o750)
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o750
        assert channel.isdir("a/b")
        assert not channel.isdir("a/c")
        with pytest.raises(FileExistsError):
            channel.makedirs("a/b")
        channel.makedirs("a/b", exist_ok=True)
        assert channel.abspath("a/../a/b") == str((tmp_path / "a" / "b").resolve())

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match="file"):
            LocalChannel(str(tmp_path)).makedirs("file/below")

    def test_close(self) -> None:
        assert LocalChannel().close() is False


def test_the_base_does_not_pretend() -> None:
    with pytest.raises(NotImplementedError, match="does not say how to open"):
        Channel().open()


def test_the_door_of_plugins(tmp_path: Path) -> None:
    from parsl_like.providers.base import one_shot_context

    context = one_shot_context(str(tmp_path))
    assert parsl_like_channel_types() == {"LocalChannel": LocalChannel}
    assert parsl_like_open_channel(LocalChannel(), context).run(["true"], timeout=30).exit_code == 0
    assert parsl_like_open_channel(Channel(), context) is None


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="NoSuchChannel"):
        _ = parsl_like.channels.NoSuchChannel


def test_a_command_that_cannot_be_killed_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that the kernel holds, in a dead file system for instance."""
    monkeypatch.setattr("parsl_like.channels.local.local.LAST_WAIT_S", 0.05)
    started: list[subprocess.Popen[bytes]] = []
    start = LocalChannelSession._start

    def remember(*args: Any) -> subprocess.Popen[bytes]:
        started.append(start(*args))
        return started[0]

    monkeypatch.setattr(LocalChannelSession, "_start", remember)
    monkeypatch.setattr(os, "killpg", lambda group, number: None)
    with pytest.raises(ChannelError, match="longer than"):
        LocalChannel().open().run(["sleep", "1000"], timeout=0.05)
    assert started[0].poll() is None
    started[0].kill()
    started[0].wait()


def test_copies_by_several_threads_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("whole")
    partial: list[str] = []
    copy2, both = shutil.copy2, threading.Barrier(2)

    def copy(source: Path, target: Path) -> None:
        partial.append(target.name)
        copy2(source, target)
        both.wait(30)

    monkeypatch.setattr(shutil, "copy2", copy)
    session = LocalChannel().open()
    threads = [threading.Thread(target=session.push, args=(source, target)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(partial)) == 2
    assert target.read_text() == "whole"
