"""What channels to other machines have in common, where the connection or the other side does not do what it should."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels import remote_process, remote_session
from parsl_like.channels.errors import FileCopyException, SSHException
from parsl_like.errors import ChannelError
from tests.channels.pipes import PipeSession, PipeWire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 60


@pytest.fixture
def session() -> Iterator[PipeSession]:
    session = PipeSession()
    yield session
    session.close()


class Deaf(PipeWire):
    """Frozen: nothing more comes, and nothing more is taken, but nobody is told."""

    def __init__(self, line: str) -> None:
        super().__init__(line, "sh", os.environ)

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        threading.Event().wait(timeout)
        raise TimeoutError

    def end_input(self) -> None:
        """Does not arrive."""


def when(session: PipeSession, condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Do something, from another thread, as soon as something is so."""

    def watch() -> None:
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while not condition() and time.monotonic() < deadline:
            pause.wait(0.02)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_connection_that_is_lost_while_a_command_runs(session: PipeSession, tmp_path: Path) -> None:
    """The command is not run again; on the other side it is killed."""
    sign = tmp_path / "sign"
    program = 'echo "$$" >> "$1"; sleep 600'
    watcher = when(session, sign.exists, lambda: session.wires[0].lose())  # noqa: PLW0108 - there is none yet
    with pytest.raises(SSHException, match="lost while bash ran") as caught:
        session.run(["bash", "-c", program, "x", str(sign)], timeout=PATIENCE_S)
    watcher.join()
    assert caught.value.transient
    assert caught.value.hostname == "pipes"
    assert len(sign.read_text().splitlines()) == 1
    assert len(session.wires) == 1
    process = int(sign.read_text())
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while Path(f"/proc/{process}").exists() and "State:\tZ" not in Path(f"/proc/{process}/status").read_text():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_a_frozen_connection(monkeypatch: pytest.MonkeyPatch, session: PipeSession) -> None:
    """At the limit the error says that nothing answers; the command there ends by itself."""
    monkeypatch.setattr(remote_session, "CONFIRM_S", 0.1)
    monkeypatch.setattr(session, "_open_wire", lambda line, deadline: Deaf(line))
    with pytest.raises(SSHException, match=r"sleep took longer than 0\.2 s, and nothing answers .* frozen") as caught:
        session.run(["sleep", "600"], timeout=0.2)
    assert caught.value.transient


def test_a_shell_that_runs_no_commands(tmp_path: Path) -> None:
    """An account that is closed, or whose shell asks questions, says so."""
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\necho This account is currently not available. >&2\nexit 1\n")
    shell.chmod(0o755)
    session = PipeSession(shell=str(shell))
    with pytest.raises(SSHException, match=r"no command can be run there; .*This account is currently not available"):
        session.run(["true"], timeout=PATIENCE_S)


def test_a_login_that_waits_for_an_answer(tmp_path: Path) -> None:
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\necho Enter your code:\nexec sleep 600\n")
    shell.chmod(0o755)
    session = PipeSession(shell=str(shell))
    with pytest.raises(SSHException, match=r"within 1 s; the login says: Enter your code:") as caught:
        session.run(["true"], timeout=1)
    assert caught.value.transient
    session.close()


def test_what_start_up_files_say_is_nobodys(tmp_path: Path) -> None:
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\necho Welcome!\necho Warning. >&2\nexec sh "$@"\n')
    shell.chmod(0o755)
    result = PipeSession(shell=str(shell)).run(["bash", "-c", "echo out; echo err >&2"], timeout=PATIENCE_S)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_a_program_that_is_not_there_says_where_it_was_looked_for(session: PipeSession) -> None:
    with pytest.raises(ChannelError, match=r"there is no such program on the PATH there .*envs=\{'PATH'") as caught:
        session.run(["parsl-like-no-such-command"], timeout=PATIENCE_S)
    assert not caught.value.transient


def test_variables_reach_commands_and_processes() -> None:
    session = PipeSession({"GREETING": "he llo"})
    assert session.run(["bash", "-c", 'echo "$GREETING"'], timeout=PATIENCE_S).stdout == "he llo\n"
    process = session.start(["bash", "-c", 'echo "$GREETING"'])
    assert process.read_line(PATIENCE_S) == "he llo"
    process.close()


def test_the_machine_is_asked_for_its_folder_once(session: PipeSession) -> None:
    assert session.folder == PurePosixPath(Path.cwd())
    assert session.folder.is_absolute()
    assert len(session.wires) == 1
    assert session.greeting.server > 0


def test_a_file_that_becomes_shorter_while_it_is_sent(
    session: PipeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "there" / "target"
    source.write_bytes(b"x" * 3_000_000)
    pour = remote_session._pour

    def shortened(talk: Any, file: Any, size: int, deadline: float) -> None:
        source.write_bytes(b"short")
        pour(talk, file, size, deadline)

    monkeypatch.setattr(remote_session, "_pour", shortened)
    with pytest.raises(FileCopyException, match="only a part of it arrived"):
        session.push(source, target)
    assert not list((tmp_path / "there").iterdir())


def test_a_connection_that_is_lost_while_a_file_is_sent(
    session: PipeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there before stays, and nothing half done is left beside it."""
    source, target = tmp_path / "source", tmp_path / "there" / "target"
    target.parent.mkdir()
    target.write_text("old")
    source.write_bytes(b"x" * 3_000_000)

    def lost(talk: Any, file: Any, size: int, deadline: float) -> None:
        talk.say(file.read(1000), deadline)
        talk.wire.lose()

    monkeypatch.setattr(remote_session, "_pour", lost)
    with pytest.raises(FileCopyException, match="the connection was lost") as caught:
        session.push(source, target)
    assert caught.value.transient
    assert str(source) in str(caught.value)
    assert str(target) in str(caught.value)
    session.wires[-1].process.wait(PATIENCE_S)
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while [path.name for path in target.parent.iterdir()] != ["target"]:
        assert time.monotonic() < deadline
        pause.wait(0.05)
    assert target.read_text() == "old"


def test_a_connection_that_is_lost_while_a_file_comes(
    session: PipeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "here" / "target"
    source.write_bytes(b"x" * 3_000_000)
    take = remote_session._Arrival.take

    def lost(self: Any, data: bytes) -> None:
        take(self, data)
        session.wires[-1].lose()

    monkeypatch.setattr(remote_session._Arrival, "take", lost)
    with pytest.raises(FileCopyException, match="the connection was lost"):
        session.pull(source, target)
    assert not list(target.parent.iterdir())


def test_a_local_file_that_is_not_there(session: PipeSession, tmp_path: Path) -> None:
    with pytest.raises(FileCopyException, match="nothing") as caught:
        session.push(tmp_path / "nothing", tmp_path / "target")
    assert not caught.value.transient
    assert not session.wires


def test_a_folder_here_is_no_target(session: PipeSession, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileCopyException, match="is a folder"):
        session.pull(tmp_path / "source", tmp_path / "folder")


def test_a_session_that_cannot_be_opened_copies_nothing(tmp_path: Path) -> None:
    session = PipeSession(shell="")
    (tmp_path / "source").write_text("x")
    for copy in (
        lambda: session.push(tmp_path / "source", tmp_path / "target"),
        lambda: session.pull(tmp_path / "source", tmp_path / "target"),
    ):
        with pytest.raises(FileCopyException, match="it was closed") as caught:
            copy()
        assert caught.value.transient
    assert not (tmp_path / "target").exists()


def test_a_process_whose_connection_is_lost(session: PipeSession) -> None:
    process = session.start(["bash", "-c", "echo up; sleep 600"])
    assert process.read_line(PATIENCE_S) == "up"
    session.wires[-1].lose()
    with pytest.raises(SSHException, match="lost while bash ran") as caught:
        process.read_line(PATIENCE_S)
    assert caught.value.transient
    process.close()


def test_a_process_goes_on_as_long_as_its_connection_gives_signs_of_life(
    session: PipeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_session, "SILENCE_S", 6)  # steps of a second
    monkeypatch.setattr(remote_process, "BEAT_S", 0.2)
    process = session.start(["bash", "-c", "echo up; sleep 8; echo still here; sleep 600"])
    assert process.read_line(PATIENCE_S) == "up"
    assert process.read_line(PATIENCE_S) == "still here"
    process.close()


def test_a_process_ends_when_its_connection_is_silent(session: PipeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_session, "SILENCE_S", 1)
    monkeypatch.setattr(remote_process, "BEAT_S", 600)
    process = session.start(["bash", "-c", "echo up; sleep 600"])
    assert process.read_line(PATIENCE_S) == "up"
    with pytest.raises(SSHException):
        process.read_line(PATIENCE_S)
    process.close()


class Late(PipeWire):
    """What comes is given only when all has come."""

    def __init__(self, line: str) -> None:
        super().__init__(line, "sh", os.environ)

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        out, err = super().receive(timeout)
        while out.count(b"\n") < LINES_OF_A_SHORT_PROCESS or err.count(b"\n") < LINES_OF_A_SHORT_PROCESS:
            more_out, more_err = super().receive(timeout)
            out, err = out + more_out, err + more_err
        return out, err


LINES_OF_A_SHORT_PROCESS = 3
"""The mark of its beginning, what it says, and the mark of its end."""


def test_a_process_that_has_ended_before_it_was_seen_to_begin_has_said_its_lines(
    session: PipeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_open_wire", lambda line, deadline: Late(line))
    process = session.start(["bash", "-c", "echo out; echo no such file >&2; exit 3"])
    assert process.read_line(PATIENCE_S) == "out"
    with pytest.raises(ChannelError, match="exit code 3: no such file"):
        process.read_line(PATIENCE_S)


def test_the_end_of_what_a_process_has_complained_of_is_kept(session: PipeSession) -> None:
    process = session.start(["bash", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 1"])
    with pytest.raises(ChannelError, match=r"exit code 1: x+.*the end") as caught:
        process.read_line(PATIENCE_S)
    assert len(str(caught.value)) < remote_process.KEPT + 200
    process.close()
