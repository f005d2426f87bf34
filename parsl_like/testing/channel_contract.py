"""What every channel promises, as tests to subclass."""

# ruff: noqa: S101 - tests are written with assert

from __future__ import annotations

import pickle
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from parsl_like.core.ports import ChannelSession
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from pathlib import Path, PurePath

    from parsl_like.channels.base import Channel

PATIENCE_S = 60.0


class ChannelContract:
    """Subclass it, say how to make the channel, and where there is a folder on its other side."""

    def make_channel(self) -> Channel:
        """The channel to be tested."""
        raise NotImplementedError

    def remote_folder(self, tmp_path: Path) -> PurePath:
        """An empty folder on the other side that belongs to the test."""
        raise NotImplementedError

    def test_a_session_is_one(self) -> None:
        """It has what ``core.ports.ChannelSession`` asks for, and can be closed."""
        with closing(self.make_channel().open()) as session:
            assert isinstance(session, ChannelSession)

    def test_exit_code_and_both_outputs_come_back(self) -> None:
        """Each in its place."""
        with closing(self.make_channel().open()) as session:
            result = session.run(["bash", "-c", "echo out; echo err >&2; exit 3"], timeout=PATIENCE_S)
        assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")

    def test_arguments_arrive_as_they_are(self) -> None:
        """No shell on the way reads them."""
        awkward = ["a b", "$HOME", "'", '"', "*", ";", "`x`", "\\", "", "é\nü"]
        with closing(self.make_channel().open()) as session:
            result = session.run(["printf", "<%s>", *awkward], timeout=PATIENCE_S)
        assert result.stdout == "".join(f"<{word}>" for word in awkward)

    def test_standard_input_arrives(self) -> None:
        """All of it, and there is none unless it is given."""
        text = "line\n" * 50_000
        with closing(self.make_channel().open()) as session:
            assert session.run(["cat"], timeout=PATIENCE_S, stdin=text).stdout == text
            assert session.run(["cat"], timeout=PATIENCE_S).stdout == ""

    def test_output_that_is_no_text_does_no_harm(self) -> None:
        """What cannot be decoded is replaced."""
        with closing(self.make_channel().open()) as session:
            result = session.run(["printf", "\\377ok"], timeout=PATIENCE_S)
        assert result.exit_code == 0
        assert result.stdout.endswith("ok")

    def test_much_output_on_both_streams_stops_nothing(self) -> None:
        """More than any pipe holds."""
        program = "head -c 300000 /dev/zero | tr '\\0' x | tee /dev/stderr"
        with closing(self.make_channel().open()) as session:
            result = session.run(["bash", "-c", program], timeout=PATIENCE_S)
        assert len(result.stdout) == len(result.stderr) == 300_000

    def test_a_limit_ends_the_command_and_what_it_started(self, tmp_path: Path) -> None:
        """The error is transient, and no process is left that could still write."""
        sign = self.remote_folder(tmp_path) / "sign"
        program = 'sleep 600 & echo "$!" > "$1"; wait'
        with closing(self.make_channel().open()) as session:
            with pytest.raises(ChannelError) as caught:
                session.run(["bash", "-c", program, "x", str(sign)], timeout=1.0)
            assert caught.value.transient
            alive = 'kill -0 "$(cat "$1")" 2>/dev/null && ps -o stat= -p "$(cat "$1")" | grep -qv Z'
            deadline = time.monotonic() + PATIENCE_S
            while session.run(["bash", "-c", alive, "x", str(sign)], timeout=PATIENCE_S).exit_code == 0:
                assert time.monotonic() < deadline, "what the command had started is still there"

    def test_a_command_that_is_not_there(self) -> None:
        """An error that says so, and that trying again will not help."""
        with closing(self.make_channel().open()) as session, pytest.raises(ChannelError) as caught:
            session.run(["parsl-like-no-such-command"], timeout=PATIENCE_S)
        assert not caught.value.transient
        assert "parsl-like-no-such-command" in str(caught.value)

    def test_files_go_there_and_back(self, tmp_path: Path) -> None:
        """Byte for byte, over what was there before."""
        folder = self.remote_folder(tmp_path)
        source, back = tmp_path / "source", tmp_path / "back"
        source.write_bytes(bytes(range(256)) * 100)
        back.write_bytes(b"old")
        with closing(self.make_channel().open()) as session:
            session.push(source, folder / "a file")
            session.pull(folder / "a file", back)
        assert back.read_bytes() == source.read_bytes()

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        """An error, and nothing is left half done."""
        folder = self.remote_folder(tmp_path)
        with closing(self.make_channel().open()) as session, pytest.raises(ChannelError):
            session.pull(folder / "nothing", tmp_path / "target")
        assert not (tmp_path / "target").exists()

    def test_it_is_a_value(self) -> None:
        """Two that were made alike are equal, also after pickling, and one can be sealed."""
        channel = self.make_channel()
        assert channel == self.make_channel() == pickle.loads(pickle.dumps(channel)) == channel.sealed()
