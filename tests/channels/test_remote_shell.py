"""What a shell on another machine is told, as text; that shells do it is shown with those that are here."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.channels import remote_scripts, remote_shell
from parsl_like.channels.remote_shell import Greeting, MarkedStream, RemoteCommand
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "parsl_like.0123456789abcdef"
PATIENCE_S = 60


def heard(pieces: list[bytes]) -> tuple[bytes, MarkedStream]:
    stream = MarkedStream(TOKEN)
    return b"".join(stream.feed(piece) for piece in pieces), stream


# --- marks


@given(st.binary(max_size=200), st.integers(1, 60))
def test_output_is_what_is_between_the_marks_however_it_is_cut(output: bytes, size: int) -> None:
    whole = b"motd\n" + f"{TOKEN}+12:/home/me\n".encode() + output + f"{TOKEN}-3\n".encode() + b"a daemon's words"
    own, stream = heard([whole[start : start + size] for start in range(0, len(whole), size)])
    assert own == output
    assert (stream.greeting, stream.noise, stream.verdict) == ("12:/home/me", b"motd\n", "3")
    assert stream.begun
    assert stream.ended


def test_nothing_is_held_back_that_cannot_be_a_mark() -> None:
    stream = MarkedStream(TOKEN)
    stream.feed(f"{TOKEN}+\n".encode())
    assert stream.feed(b"a line\n") == b"a line\n"
    assert stream.feed(b"another pars") == b"another "
    assert stream.feed(b"e\n") == b"parse\n"
    assert not stream.ended


def test_noise_is_kept_as_far_as_it_helps() -> None:
    own, stream = heard([b"x" * 5000, b"please enter your code: "])
    assert own == b""
    assert not stream.begun
    assert stream.noise.endswith(b"your code: ")
    assert len(stream.noise) <= remote_shell.NOISE_KEPT + 100


@pytest.mark.parametrize(
    ("said", "greeting"),
    [
        ("12:/home/me", Greeting(12, "/home/me")),
        ("12:/odd:place", Greeting(12, "/odd:place")),
        (":/x", Greeting(0, "/x")),
    ],
)
def test_greetings(said: str, greeting: Greeting) -> None:
    assert remote_shell.greeting_of(said) == greeting


def test_each_token_is_its_own() -> None:
    assert len({remote_shell.new_token() for _ in range(100)}) == 100


# --- verdicts, modes, refusals


def test_exit_codes() -> None:
    assert remote_shell.exit_code_of("0", ["true"], "h") == 0
    assert remote_shell.exit_code_of("153", ["qstat"], "h") == 153


@pytest.mark.parametrize(
    ("verdict", "transient", "words"),
    [
        ("missing", False, r"cannot run sbatch: there is no such program .* Try: ssh h command -v sbatch"),
        ("folder", False, "no folder /there"),
        ("input", True, "only a part of its input"),
        ("", False, "cannot be understood"),
    ],
)
def test_a_command_that_was_not_started(verdict: str, transient: bool, words: str) -> None:
    with pytest.raises(ChannelError, match=words) as caught:
        remote_shell.exit_code_of(verdict, ["sbatch", "x"], "h", "/there")
    assert caught.value.transient is transient
    assert caught.value.hostname == "h"


@given(st.integers(0, 0o7777))
def test_modes_are_read_as_ls_writes_them(mode: int) -> None:
    assert remote_shell.mode_of(stat.filemode(mode | stat.S_IFREG)) == mode


def test_what_no_shell_can_pass_on_is_refused() -> None:
    with pytest.raises(ChannelError, match="the command has a NUL"):
        remote_shell.limited(["echo", "\0"], limit=1, token=TOKEN)
    with pytest.raises(ChannelError, match="the standard input has a NUL"):
        remote_shell.limited(["cat"], limit=1, token=TOKEN, stdin="\0")
    with pytest.raises(ChannelError, match="'A B' cannot be the name"):
        remote_shell.limited(["env"], limit=1, token=TOKEN, envs={"A B": "x"})


def test_the_line_tells_nothing_and_is_read_alike_by_every_shell() -> None:
    command = remote_shell.limited(["echo", "secret!"], limit=1, token=TOKEN, envs={"PASSWORD": "secret\n"})
    assert "secret" not in command.line
    assert set(command.line).isdisjoint("\\!\n`%")
    assert b"export PASSWORD='secret\n'" in command.script


def test_what_looks_like_a_place_to_be_filled_in_stays() -> None:
    command = remote_shell.limited(["echo", "@TOKEN@", "@KILL@"], limit=1, token=TOKEN, folder="/@ARGV@")
    assert b"set -- echo @TOKEN@ @KILL@" in command.script
    assert b"cd -- /@ARGV@" in command.script


# --- real shells

SHELLS = [
    pytest.param(words, id=words[0], marks=pytest.mark.skipif(shutil.which(words[0]) is None, reason="not there"))
    for words in (["dash"], ["bash"], ["busybox", "sh"], ["ksh"], ["zsh"])
]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An environment in which ``sh`` is that shell."""
    words: list[str] = request.param
    program = shutil.which(words[0])
    assert program is not None
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(program)  # busybox, too, goes by the name that it is called by
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def run(command: RemoteCommand, environment: dict[str, str], more: bytes = b"") -> tuple[str, bytes, bytes]:
    """The verdict and the outputs of a command whose input is held open until it has ended."""
    process = subprocess.Popen(
        ["sh", "-c", command.line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        bufsize=0,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(command.script)
    out, err = MarkedStream(command.token), MarkedStream(command.token)
    said, said_error = b"", b""
    while not out.begun:
        said += out.feed(os.read(process.stdout.fileno(), 65536))
    process.stdin.write(command.input + more)
    while not out.ended and (data := os.read(process.stdout.fileno(), 65536)):
        said += out.feed(data)
    while not err.ended and (data := os.read(process.stderr.fileno(), 65536)):
        said_error += err.feed(data)
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    process.wait(PATIENCE_S)
    assert out.verdict is not None
    assert out.verdict == err.verdict
    return out.verdict, said, said_error


def test_a_shell_runs_a_command_as_it_is(shell: dict[str, str], tmp_path: Path) -> None:
    awkward = ["a b", "$HOME", "'", '"', "*", ";", "`x`", "\\", "", "é\nü", "!", "-n", "@TOKEN@"]
    command = remote_shell.limited(
        ["printf", "<%s>", *awkward], limit=PATIENCE_S, token=TOKEN, folder=str(tmp_path), envs={"A": "1"}
    )
    assert run(command, shell) == ("0", "".join(f"<{word}>" for word in awkward).encode(), b"")
    command = remote_shell.limited(
        ["bash", "-c", 'pwd; echo "$A" >&2; exit 7'],
        limit=PATIENCE_S,
        token=TOKEN,
        folder=str(tmp_path),
        envs={"A": "x 'y"},
    )
    assert run(command, shell) == ("7", f"{tmp_path}\n".encode(), b"x 'y\n")


def test_a_shell_gives_a_command_its_input(shell: dict[str, str]) -> None:
    text = "é line\n" * 20_000 + "\n\n"
    command = remote_shell.limited(["cat"], limit=PATIENCE_S, token=TOKEN, stdin=text)
    assert run(command, shell) == ("0", text.encode(), b"")
    assert run(remote_shell.limited(["cat"], limit=PATIENCE_S, token=TOKEN, stdin=""), shell)[1] == b""
    assert run(remote_shell.limited(["cat"], limit=PATIENCE_S, token=TOKEN), shell)[1] == b""
    unread = remote_shell.limited(["true"], limit=PATIENCE_S, token=TOKEN, stdin=text)
    assert run(unread, shell)[0] == "0"


def test_a_shell_tells_what_cannot_be_run(shell: dict[str, str], tmp_path: Path) -> None:
    missing = remote_shell.limited(["parsl-like-no-such-command"], limit=PATIENCE_S, token=TOKEN)
    assert run(missing, shell)[0] == "missing"
    nowhere = remote_shell.limited(["true"], limit=PATIENCE_S, token=TOKEN, folder=str(tmp_path / "nothing"))
    assert run(nowhere, shell)[0] == "folder"


def test_a_shell_kills_a_command_and_what_it_has_started_at_its_limit(shell: dict[str, str], tmp_path: Path) -> None:
    program = 'sleep 600 & echo "$!" > "$1"; echo started; wait'
    command = remote_shell.limited(["bash", "-c", program, "x", str(tmp_path / "pid")], limit=0.5, token=TOKEN)
    verdict, said, _ = run(command, shell)
    assert (verdict, said) == ("137", b"started\n")
    _is_gone(int((tmp_path / "pid").read_text()))


def test_a_shell_leaves_nothing_of_its_own_behind(shell: dict[str, str], tmp_path: Path) -> None:
    """What watches over a command ends with it, and is not waited for."""
    marked = {**shell, "PARSL_LIKE_TEST_MARK": str(tmp_path)}
    for _ in range(5):
        run(remote_shell.limited(["true"], limit=600, token=TOKEN), marked)
    _until(lambda: not _marked(f"PARSL_LIKE_TEST_MARK={tmp_path}".encode()))


def test_a_file_is_received_whole_or_not_at_all(shell: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "file"
    content = bytes(range(256)) * 300
    command = remote_shell.receiving(str(target), mode=0o640, size=len(content), limit=PATIENCE_S, token=TOKEN)
    assert run(command, shell, content) == ("0", b"", b"")
    assert target.read_bytes() == content
    assert target.stat().st_mode & 0o7777 == 0o640
    command = remote_shell.receiving(str(target), mode=0o640, size=0, limit=PATIENCE_S, token=TOKEN)
    assert run(command, shell)[0] == "0"
    assert target.read_bytes() == b""
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_what_is_only_half_received_at_the_limit_is_removed(shell: dict[str, str], tmp_path: Path) -> None:
    command = remote_shell.receiving(str(tmp_path / "file"), mode=0o600, size=1000, limit=0.5, token=TOKEN)
    verdict, _, _ = run(command, shell, b"x" * 10)
    assert verdict != "0"
    assert not list(tmp_path.glob("file*"))


def test_a_file_is_sent_after_its_mode(shell: dict[str, str], tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"content\n")
    source.chmod(0o640)
    verdict, said, _ = run(remote_shell.sending(str(source), limit=PATIENCE_S, token=TOKEN), shell)
    assert (verdict, said) == ("0", b"-rw-r-----\ncontent\n")
    assert len(b"-rw-r-----\n") == remote_shell.LISTED


def test_a_lasting_command_ends_with_its_input_or_when_that_is_silent(shell: dict[str, str]) -> None:
    command = remote_shell.lasting(["cat"], silence=1, token=TOKEN)
    for closed in (True, False):
        process = subprocess.Popen(
            ["sh", "-c", command.line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=shell,
            bufsize=0,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(command.script)
        if closed:
            process.stdin.close()
        said = process.stdout.read()  # to its end
        process.wait(PATIENCE_S)
        # cat sees the end of its input and ends by itself; in silence it is killed
        assert (f"{TOKEN}-0".encode() in said) is closed
        process.stdin.close()
        process.stdout.close()


def test_a_script_that_was_cut_off_does_nothing(shell: dict[str, str], tmp_path: Path) -> None:
    command = remote_shell.limited(["touch", str(tmp_path / "sign")], limit=PATIENCE_S, token=TOKEN)
    for size in (len(command.script) // 2, len(command.script) - 3):
        done = subprocess.run(
            ["sh", "-c", command.line], input=command.script[:size], capture_output=True, env=shell, check=False
        )
        assert TOKEN.encode() not in done.stdout
    assert not (tmp_path / "sign").exists()


def _until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.02)


def _is_gone(process: int) -> None:
    _until(lambda: not _runs(process))


def _runs(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def _marked(words: bytes) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if words in path.read_bytes().split(b"\0") and _runs(int(path.parent.name)):
                found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_scripts_are_one_group_each() -> None:
    """A shell begins to run a group only when it has read its end."""
    assert remote_scripts.BEGIN.startswith("{\n")
    assert remote_scripts.END.endswith("}\n")
    assert remote_scripts.LAST.endswith("}\n")
