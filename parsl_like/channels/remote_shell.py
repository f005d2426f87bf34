"""Commands as text for the shell of another machine: quoted, in a process group of their own, ended with a connection.

An ssh server hands what it is asked to run to the user's login shell, of whatever kind, and shows it in the list of
processes. So that is one short line which every shell reads alike, and which starts ``sh``; all else, the command, its
variables, its input, goes to the standard input of that ``sh``. The script that it reads first

- tells on both outputs, by a mark that nothing else can contain, where those of the command begin and end, so that
  neither greetings of a start-up file nor a daemon that keeps its output open come in between, and with the exit code,
  so that a connection that was lost cannot be taken for an end;
- starts the command in a process group of its own, and kills the group at a limit, and when the standard input ends,
  which it does with the connection (an sshd sends no signal to a command without a terminal).

References: POSIX.1-2017, XCU 2 "Shell Command Language"; RFC 4254, section 6 "Interactive Sessions".
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parsl_like.channels import remote_scripts
from parsl_like.errors import ChannelError

NOISE_KEPT = 2000
"""How many bytes are kept of what a shell says before a command begins."""

_LINE = """exec sh -c 'eval "$(head -c {size})"'"""
_PLACE = re.compile(r"@([A-Z]+)@")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class RemoteCommand:
    """A command in the form in which it goes over a connection.

    Attributes:
        line: What the ssh server is asked to run.
        script: What its standard input gets first. The input is kept open after that until the command has ended:
            where it ends, the command is killed.
        input: What its standard input gets next, once :attr:`MarkedStream.begun` says that the script was read.
        token: The word that the marks are made of.
    """

    line: str
    script: bytes
    input: bytes
    token: str


def new_token() -> str:
    """A word for the marks of one command, which nothing that it writes can contain by chance."""
    return f"parsl_like.{secrets.token_hex(16)}"


def limited(
    argv: Sequence[str],
    *,
    limit: float,
    token: str,
    folder: str | None = None,
    envs: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> RemoteCommand:
    """A command that is killed with its process group at a limit, and when the connection's input ends.

    Args:
        argv: The program and its arguments.
        limit: Seconds it may take, by the other machine's clock.
        token: From :func:`new_token`.
        folder: The absolute folder in which it runs; None for the one of the login.
        envs: Variables added to its environment.
        stdin: Text for its standard input; None for none.

    Raises:
        ChannelError: a text has a NUL, or a name is none of a variable.
    """
    texts = remote_scripts
    given = b"" if stdin is None else _encoded(stdin, "the standard input") + f"{token}.".encode()
    script = _begun(argv, token, folder, envs)
    if stdin is None:
        script += _run(texts.WITHOUT_INPUT, texts.KILL)
    else:
        script += _filled(texts.INPUT, TOKEN=token, SIZE=str(len(given)))
        script += _run(texts.WITH_INPUT, texts.KILL)
    return _command(script + texts.LIFELINE + _limit(limit) + texts.END, token, given)


def streamed(argv: Sequence[str], *, limit: float, token: str, envs: Mapping[str, str] | None = None) -> RemoteCommand:
    """A command that reads the connection's input itself, to its end; at the limit it is told to end, and then killed.

    Args:
        argv: The program and its arguments.
        limit: Seconds it may take, by the other machine's clock.
        token: From :func:`new_token`.
        envs: Variables added to its environment.
    """
    texts = remote_scripts
    run = _run(texts.WITH_STREAM, texts.ASK_AND_KILL)
    return _command(_begun(argv, token, None, envs) + run + _limit(limit) + texts.END, token, b"")


def lasting(
    argv: Sequence[str],
    *,
    silence: float,
    token: str,
    folder: str | None = None,
    envs: Mapping[str, str] | None = None,
) -> RemoteCommand:
    r"""A command that goes on until the connection's input ends, or has brought no line for too long.

    Its standard input gives nothing, ends with the connection's input, and three seconds later the command is killed
    with its process group; so is what it leaves behind when it ends.

    Args:
        argv: The program and its arguments.
        silence: Seconds after which it ends if no ``\n`` has come: so it does when a connection is frozen.
        token: From :func:`new_token`.
        folder: The absolute folder in which it runs; None for the one of the login.
        envs: Variables added to its environment.
    """
    step = max(1, round(silence / remote_scripts.STEPS_OF_SILENCE))
    last = _filled(remote_scripts.LAST, TOKEN=token, STEP=str(step), STEPS=str(remote_scripts.STEPS_OF_SILENCE))
    return _command(_begun(argv, token, folder, envs) + last, token, b"")


def receiving(target: str, *, mode: int, size: int, limit: float, token: str) -> RemoteCommand:
    """A command whose input becomes a file: whole, with its mode, under its name; or not at all.

    Args:
        target: Its path there.
        mode: Its permissions.
        size: Its bytes; they are sent once the command has begun.
        limit: Seconds it may take.
        token: From :func:`new_token`.
    """
    argv = ["sh", "-c", remote_scripts.RECEIVE, "sh", target, token, f"{mode:o}", str(size)]
    return streamed(argv, limit=limit, token=token)


def sending(source: str, *, limit: float, token: str) -> RemoteCommand:
    """A command that prints :data:`LISTED` bytes for :func:`mode_of`, and then a file."""
    return limited(["sh", "-c", remote_scripts.SEND, "sh", source], limit=limit, token=token)


LISTED = 11
"""How many bytes come before a file that is sent: what ``ls -l`` says of its mode, and a newline."""


def mode_of(listing: str) -> int:
    """The permissions that the first ten characters of a line of ``ls -l`` say."""
    mode = 0
    for place, letter in enumerate(listing[1:10]):
        if letter in "rwxst":
            mode |= 1 << (8 - place)
        if letter in "sStT":
            mode |= {2: 0o4000, 5: 0o2000, 8: 0o1000}[place]
    return mode


def exit_code_of(verdict: str, argv: Sequence[str], host: str, folder: str | None = None) -> int:
    """The exit code of a command that has ended; one that a signal has ended has 128 and the signal's number.

    Args:
        verdict: What the mark of its end says.
        argv: The command.
        host: The other machine.
        folder: Where it was to run.

    Raises:
        ChannelError: it was never started.
    """
    if verdict == "missing":
        error = ChannelError(f"cannot run {argv[0]}: there is no such program on the PATH there", host)
        error.hint = (
            f"ssh {host} command -v {argv[0]}. A shell that runs one command is no login shell: what only a profile "
            "puts on the PATH is not there; the channel's envs={'PATH': ...} can say it."
        )
        raise error
    if verdict == "folder":
        raise ChannelError(f"cannot run {argv[0]}: there is no folder {folder}, or it cannot be entered", host)
    if verdict == "input":
        raise ChannelError(f"{argv[0]} was not run: only a part of its input arrived", host, transient=True)
    if not verdict.isdecimal():
        raise ChannelError(f"the end of {argv[0]} cannot be understood: {verdict!r}", host)
    return int(verdict)


class MarkedStream:
    """Finds what a command has written to one of its outputs between the mark of its beginning and that of its end.

    Args:
        token: The word of the marks.

    Attributes:
        greeting: What the mark of the beginning says, see :func:`greeting_of`; None until that has come.
        noise: What came before it, from a start-up file of the shell.
        verdict: What the mark of the end says; None until that has come.
    """

    def __init__(self, token: str) -> None:
        self._begin, self._end = f"{token}+".encode(), f"{token}-".encode()
        self._pending = b""
        self.greeting: str | None = None
        self.noise = b""
        self.verdict: str | None = None

    @property
    def begun(self) -> bool:
        """Whether the command begins."""
        return self.greeting is not None

    @property
    def ended(self) -> bool:
        """Whether all has come that the command has written."""
        return self.verdict is not None

    def feed(self, data: bytes) -> bytes:
        """Take what has come; gives what of it, and of what was held back, is certain to be the command's own."""
        if self.ended:
            return b""
        self._pending += data
        if not self.begun and not self._has_begun():
            return b""
        own, mark, after = self._pending.partition(self._end)
        if mark:
            verdict, newline, _ = after.partition(b"\n")
            if newline:
                self.verdict = verdict.decode(errors="replace")
            self._pending = mark + after
            return own
        kept = _overlap(own, self._end)
        self._pending = own[len(own) - kept :]
        return own[: len(own) - kept]

    def _has_begun(self) -> bool:
        noise, mark, after = self._pending.partition(self._begin)
        greeting, newline, rest = after.partition(b"\n")
        if newline:
            self.noise, self.greeting, self._pending = noise[-NOISE_KEPT:], greeting.decode(errors="replace"), rest
        elif not mark:
            self._pending = self.noise = noise[-NOISE_KEPT:]
        return self.begun


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the other side says of itself when a command begins.

    Attributes:
        server: The process that runs the command for the connection: the server's own for this login.
        folder: The folder of the login.
    """

    server: int
    folder: str


def greeting_of(said: str) -> Greeting:
    """What :attr:`MarkedStream.greeting` of the standard output says."""
    server, _, folder = said.partition(":")
    return Greeting(int(server) if server.isdecimal() else 0, folder)


def _overlap(data: bytes, mark: bytes) -> int:
    """How many bytes at the end of data may be the beginning of the mark."""
    return next((size for size in range(min(len(mark) - 1, len(data)), 0, -1) if data.endswith(mark[:size])), 0)


def _begun(argv: Sequence[str], token: str, folder: str | None, envs: Mapping[str, str] | None) -> str:
    script = _filled(remote_scripts.BEGIN, TOKEN=token)
    if folder is not None:
        script += _filled(remote_scripts.FOLDER, FOLDER=shlex.quote(folder))
    for name, value in (envs or {}).items():
        if not _VARIABLE.fullmatch(name):
            raise ChannelError(f"{name!r} cannot be the name of a variable")
        script += f"export {name}={shlex.quote(value)}\n"
    return script + _filled(remote_scripts.COMMAND, ARGV=shlex.join(argv))


def _run(start: tuple[str, str], kill: str) -> str:
    return _filled(remote_scripts.RUN, START=start[0], SETSID=start[1], KILL=kill)


def _limit(seconds: float) -> str:
    return _filled(remote_scripts.LIMIT, LIMIT=str(max(1, int(seconds) + 1)))


def _filled(template: str, **values: str) -> str:
    # All at once: what is put in may look like a place for something else.
    return _PLACE.sub(lambda place: values[place[1]], template)


def _command(script: str, token: str, given: bytes) -> RemoteCommand:
    text = _encoded(script, "the command")
    return RemoteCommand(_LINE.format(size=len(text)), text, given, token)


def _encoded(text: str, what: str) -> bytes:
    if "\0" in text:
        raise ChannelError(f"{what} has a NUL, which no shell can pass on")
    return text.encode("utf-8", "surrogateescape")
