"""What every channel to another machine promises beyond the contract of channels, as tests to subclass."""

# ruff: noqa: S101 - tests are written with assert

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from parsl_like.channels.errors import FileCopyException
from parsl_like.core.ports import RemoteChannelSession
from parsl_like.errors import ChannelError
from parsl_like.testing.channel_contract import PATIENCE_S, ChannelContract

if TYPE_CHECKING:
    from pathlib import Path

THREADS = 15
"""More commands at once than a server of OpenSSH runs over one connection unless it is told to."""


class RemoteChannelContract(ChannelContract):
    """Subclass it as :class:`ChannelContract`; the other side has ``bash``, and its files may be this machine's."""

    def open(self) -> RemoteChannelSession:
        """A session of the channel."""
        session = self.make_channel().open()
        assert isinstance(session, RemoteChannelSession)
        return session

    # --- commands

    def test_it_knows_its_machine_and_its_folder(self) -> None:
        """The folder is absolute, and where commands run."""
        with closing(self.open()) as session:
            assert session.host
            assert session.folder.is_absolute()
            assert session.run(["pwd", "-L"], timeout=PATIENCE_S).stdout.rstrip("\n") == str(session.folder)

    def test_something_left_in_the_background_is_not_waited_for(self) -> None:
        """It goes on, with its outputs open, and the command has ended."""
        with closing(self.open()) as session:
            result = session.run(["bash", "-c", "sleep 600 & echo $!"], timeout=PATIENCE_S)
            process = result.stdout.strip()
            killed = session.run(["bash", "-c", 'kill -KILL "$1"', "x", process], timeout=PATIENCE_S)
        assert killed.exit_code == 0

    def test_what_a_command_wrote_before_its_limit_is_told(self) -> None:
        """With the program, its limit and the machine."""
        with closing(self.open()) as session, pytest.raises(ChannelError) as caught:
            session.run(["bash", "-c", "echo waiting for a lock >&2; sleep 600"], timeout=2)
        assert "bash took longer than 2 s and was killed; it had written: waiting for a lock" in str(caught.value)
        assert session.host in str(caught.value)

    def test_many_commands_at_once_do_not_meet(self) -> None:
        """Each gets its own output, from whatever thread, however many the other side runs at once."""
        said: dict[int, str] = {}

        def ask(number: int) -> None:
            said[number] = session.run(["bash", "-c", "cat; sleep 0.1"], timeout=PATIENCE_S, stdin=str(number)).stdout

        with closing(self.open()) as session:
            threads = [
                threading.Thread(target=ask, args=(number,), name=f"asker-{number}") for number in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert said == {number: str(number) for number in range(THREADS)}

    # --- files

    def test_the_mode_of_a_file_is_kept_both_ways(self, tmp_path: Path) -> None:
        """Keys stay secret, programs can be run."""
        folder = self.remote_folder(tmp_path)
        source, back = tmp_path / "source", tmp_path / "back"
        source.write_bytes(b"")
        with closing(self.open()) as session:
            for mode in (0o600, 0o755, 0o444):
                source.chmod(mode)
                session.push(source, folder / "file")
                session.pull(folder / "file", back)
                assert back.stat().st_mode & 0o7777 == mode

    def test_folders_above_a_file_are_made(self, tmp_path: Path) -> None:
        """On both sides, and names may be awkward."""
        source = tmp_path / "source"
        source.write_text("content")
        there = self.remote_folder(tmp_path) / "-a b" / "it's" / '-n"$x"'
        with closing(self.open()) as session:
            session.push(source, there)
            session.pull(there, tmp_path / "some" / "where" / "back")
        assert (tmp_path / "some" / "where" / "back").read_text() == "content"

    def test_a_file_that_cannot_be_brought_there(self, tmp_path: Path) -> None:
        """Both sides are named, and nothing is left half done."""
        folder = self.remote_folder(tmp_path)
        source = tmp_path / "source"
        source.write_text("content")
        with closing(self.open()) as session:
            for target in (folder, folder / "file" / "below"):
                session.push(source, folder / "file")
                with pytest.raises(FileCopyException) as caught:
                    session.push(source, target)
                assert str(source) in str(caught.value)
                assert str(target) in str(caught.value)
                assert not caught.value.transient
            listing = session.run(["ls", "-A", str(folder)], timeout=PATIENCE_S)
        assert listing.stdout.split() == ["file"]

    def test_a_file_that_cannot_be_brought_here(self, tmp_path: Path) -> None:
        """Both sides are named, and what was here before stays."""
        folder = self.remote_folder(tmp_path)
        back = tmp_path / "back"
        back.write_text("old")
        with closing(self.open()) as session:
            for source in (folder / "nothing", folder):
                with pytest.raises(FileCopyException) as caught:
                    session.pull(source, back)
                assert str(source) in str(caught.value)
                assert str(back) in str(caught.value)
        assert back.read_text() == "old"
        assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]

    # --- processes

    def test_a_process_goes_on_and_is_heard_line_by_line(self) -> None:
        """Until it is closed; then nothing of it is left."""
        with closing(self.open()) as session:
            process = session.start(["bash", "-c", "echo first; sleep 600 & echo $!; wait"])
            assert process.read_line(PATIENCE_S) == "first"
            number = process.read_line(PATIENCE_S)
            assert process.alive
            with pytest.raises(ChannelError, match=r"said nothing for 0\.1 s"):
                process.read_line(0.1)
            assert process.alive
            process.close()
            assert not process.alive
            self.is_gone(session, number)

    def test_the_input_of_a_process_ends_with_it(self) -> None:
        """It gives nothing until then, so that whoever reads it knows that nobody is there any more."""
        with closing(self.open()) as session:
            process = session.start(["bash", "-c", "echo $$; cat; exit 3"])
            number = process.read_line(PATIENCE_S)
            with pytest.raises(ChannelError, match="said nothing"):
                process.read_line(0.3)
            process.close()
            self.is_gone(session, number)

    def test_a_process_that_has_ended_says_why(self) -> None:
        """After its last line."""
        with closing(self.open()) as session:
            process = session.start(["bash", "-c", "echo out; echo no such file >&2; exit 3"])
            assert process.read_line(PATIENCE_S) == "out"
            with pytest.raises(ChannelError, match="exit code 3: no such file"):
                process.read_line(PATIENCE_S)
            assert not process.alive
            process.close()

    def test_a_process_ends_with_the_session(self) -> None:
        """Though nobody has closed it."""
        session = self.open()
        process = session.start(["bash", "-c", "sleep 600 & echo $!; wait"])
        number = process.read_line(PATIENCE_S)
        session.close()
        with pytest.raises(ChannelError):
            process.read_line(PATIENCE_S)
        assert not process.alive
        with closing(self.open()) as other:
            self.is_gone(other, number)

    def test_a_process_that_cannot_be_started(self) -> None:
        """An error that names it, when it is started or first heard."""
        with closing(self.open()) as session, pytest.raises(ChannelError, match="parsl-like-no-such-command"):
            session.start(["parsl-like-no-such-command"]).read_line(PATIENCE_S)

    # --- ports

    def test_a_port_there_leads_here(self) -> None:
        """Both ways, for several connections, and always by the same number."""
        with socket.create_server(("127.0.0.1", 0)) as door, closing(self.open()) as session:
            threading.Thread(target=_answer, args=(door, 3), name="answerer", daemon=True).start()
            there = session.forward(door.getsockname()[1])
            for word in ("one", "two", "three"):
                assert self.asked_there(session, there, word) == f"you said {word}\n"
            assert session.forward(door.getsockname()[1]) == there

    def test_a_port_is_led_nowhere_once_the_session_is_closed(self) -> None:
        """The other side does not listen any more."""
        with socket.create_server(("127.0.0.1", 0)) as door:
            session = self.open()
            there = session.forward(door.getsockname()[1])
            session.close()
            with closing(self.open()) as other:
                deadline = time.monotonic() + PATIENCE_S
                while (
                    other.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{there}"], timeout=PATIENCE_S).exit_code == 0
                ):
                    assert time.monotonic() < deadline, "the port still takes connections"

    # --- what the tests ask of the other side

    def asked_there(self, session: RemoteChannelSession, port: int, word: str) -> str:
        """What a port of the other machine's loopback answers to a word."""
        program = 'exec 3<>"/dev/tcp/127.0.0.1/$1"; echo "$2" >&3; cat <&3'
        return session.run(["bash", "-c", program, "x", str(port), word], timeout=PATIENCE_S).stdout

    def is_gone(self, session: RemoteChannelSession, process: str) -> None:
        """Wait until a process there has ended."""
        alive = 'kill -0 "$1" 2>/dev/null && ps -o stat= -p "$1" | grep -qv Z'
        deadline = time.monotonic() + PATIENCE_S
        while session.run(["bash", "-c", alive, "x", process], timeout=PATIENCE_S).exit_code == 0:
            assert time.monotonic() < deadline, f"process {process} is still there"


def _answer(door: socket.socket, times: int) -> None:
    for _ in range(times):
        end, _ = door.accept()
        with end, end.makefile("rwb") as lines:
            lines.write(b"you said " + lines.readline())
