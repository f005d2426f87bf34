"""What every channel to another machine does in the same way, over whatever connection: commands, files, processes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, TYPE_CHECKING, NoReturn

from parsl_like.channels import remote_shell
from parsl_like.channels.conversation import Conversation, Wire
from parsl_like.channels.errors import FileCopyException, SSHException
from parsl_like.channels.remote_process import WireProcess
from parsl_like.core.ports import CommandResult
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from parsl_like.channels.remote_shell import RemoteCommand

LATE_S = 5.0
"""How long after its limit a command ends by itself that could not be told to."""
CONFIRM_S = 3.0
"""How long the end of a command that was told to end is waited for."""
PATIENCE_S = 60.0
"""How long a command of our own, a start, and the first answer to a copy are waited for."""
SILENCE_S = 60
"""A process that goes on running ends if its connection says nothing for so long."""
SLOWEST = 10_000
"""Bytes a second below which a copy is given up."""
PULL_S = 3600.0
PIECE = 1 << 18


class RemoteSession:
    """A :class:`~parsl_like.core.ports.RemoteChannelSession`, but for how to connect, and ``forward`` and ``close``.

    Args:
        host: The other machine, for messages.
        envs: Variables added to the environment of commands.
    """

    def __init__(self, host: str, envs: Mapping[str, str]) -> None:
        self.host = host
        self._envs = dict(envs)
        self._greeting: remote_shell.Greeting | None = None

    # --- what a kind of connection says ---

    def _open_wire(self, line: str, deadline: float) -> Wire:
        """Have the server run a line; connects, or connects again, if need be.

        Raises:
            ChannelError: it cannot be reached in time, or refuses.
        """
        raise NotImplementedError

    def _cause(self) -> str:
        """What is known of why the connection has ended, as the end of a sentence that begins with a comma; or ""."""
        return ""

    # --- commands ---

    @property
    def folder(self) -> PurePosixPath:
        """The folder of the login there; the machine is asked once."""
        return PurePosixPath(self.greeting.folder)

    @property
    def greeting(self) -> remote_shell.Greeting:
        """What the machine has said of itself.

        Raises:
            ChannelError: it cannot be asked, or its shell is none.
        """
        if self._greeting is None:
            self.run(["true"], timeout=PATIENCE_S)
        if self._greeting is None:
            raise ChannelError("its shell has run a command without a word of the folder", self.host)
        return self._greeting

    def run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> CommandResult:
        """Run a command once, and give its exit code and output whole, undecodable bytes replaced.

        What it leaves in the background is not waited for; an exit code of 128 and a number is that of a signal.

        Args:
            argv: The program and its arguments.
            timeout: Seconds it may take, the time to connect again included.
            stdin: Text for its standard input; None for none.

        Raises:
            ChannelError: there is no such program; it took too long, and its process group was killed; or the
                connection was lost or frozen, and the command has ended there or does so by itself.
        """
        deadline = time.monotonic() + timeout
        command = remote_shell.limited(
            argv, limit=timeout + LATE_S, token=remote_shell.new_token(), envs=self._envs, stdin=stdin
        )
        out, err = bytearray(), bytearray()
        with self._conversation(command, deadline, out.extend, err.extend) as talk:
            try:
                talk.begin(deadline)
                talk.give_input(deadline)
                talk.until_ended(deadline)
            except TimeoutError:
                self._too_late(talk, argv[0], timeout, bytes(err or out))
            except EOFError:
                raise self._lost(talk, f"{argv[0]} ran") from None
            finally:
                self._heard(talk)
            code = talk.exit_code(argv, self.host)
        return CommandResult(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def start(self, argv: Sequence[str]) -> WireProcess:
        """Start a command that goes on running; its standard input gives nothing and ends with the connection.

        It ends with everything in its process group when it is closed, when the connection is lost, and within a
        minute when it is frozen.

        Raises:
            ChannelError: the machine cannot be reached, or the command did not begin within a minute.
        """
        deadline = time.monotonic() + PATIENCE_S
        command = remote_shell.lasting(argv, silence=SILENCE_S, token=remote_shell.new_token(), envs=self._envs)
        process = WireProcess(self._open_wire(command.line, deadline), command, argv, self.host, self._cause)
        try:
            process.begin(deadline)
        except BaseException:
            process.close()
            raise
        return process

    @contextlib.contextmanager
    def _conversation(
        self,
        command: RemoteCommand,
        deadline: float,
        take: Callable[[bytes], object],
        take_error: Callable[[bytes], object],
    ) -> Iterator[Conversation]:
        wire = self._open_wire(command.line, deadline)
        try:
            yield Conversation(wire, command, take, take_error)
        finally:
            wire.close()

    def _heard(self, talk: Conversation) -> None:
        if talk.greeting is not None:
            self._greeting = talk.greeting

    def _too_late(self, talk: Conversation, program: str, timeout: float, said: bytes) -> NoReturn:
        talk.wire.end_input()
        confirmed = True
        try:
            talk.until_ended(time.monotonic() + CONFIRM_S)
        except (TimeoutError, EOFError):
            confirmed = False
        words = said.decode(errors="replace").strip()[-500:]
        wrote = f"it had written: {words}" if words else "it had written nothing"
        if confirmed:
            text = f"{program} took longer than {timeout:g} s and was killed; {wrote}"
            raise ChannelError(text, self.host, transient=True)
        if talk.greeting is None and talk.noise:
            raise SSHException(
                f"no command can be run there within {timeout:g} s; the login says: {talk.noise[-500:]}",
                self.host,
                transient=True,
            )
        raise SSHException(
            f"{program} took longer than {timeout:g} s, and nothing answers any more: the connection is frozen or very "
            f"slow{self._cause()}; the command ends there by itself within {LATE_S:g} s. {wrote.capitalize()}",
            self.host,
            transient=True,
        )

    def _lost(self, talk: Conversation, doing: str) -> ChannelError:
        if talk.greeting is None and talk.noise:
            hint = f"see whether `ssh {self.host} true` works and says nothing."
            return SSHException(
                f"no command can be run there; the login says: {talk.noise[-500:]}", self.host, hint=hint
            )
        return SSHException(f"it was lost while {doing}{self._cause()}", self.host, transient=True)

    # --- files ---

    def push(self, local: Path, remote: PurePath) -> None:
        """Copy a file to a path there, relative ones from the folder of the login: whole, with its mode, or not at all.

        Raises:
            FileCopyException: naming both sides and what is in the way.
        """
        target = _posix(remote)
        with self._copying(f"{local} to {target}"), open(local, "rb") as file:
            status = os.fstat(file.fileno())
            limit = PATIENCE_S + status.st_size / SLOWEST
            deadline = time.monotonic() + limit
            command = remote_shell.receiving(
                target,
                mode=status.st_mode & 0o7777,
                size=status.st_size,
                limit=limit + LATE_S,
                token=remote_shell.new_token(),
            )
            err = bytearray()
            with self._conversation(command, deadline, _nothing, err.extend) as talk:
                talk.begin(deadline)
                talk.until_begun(deadline)
                _pour(talk, file, status.st_size, deadline)
                talk.until_ended(deadline)
                self._heard(talk)
                self._refuse_failure(talk, bytes(err))

    def pull(self, remote: PurePath, local: Path) -> None:
        """Copy a file from a path there, relative ones from the folder of the login: whole and with its mode, or not.

        Raises:
            FileCopyException: naming both sides and what is in the way.
        """
        source, local = _posix(remote), Path(local)
        with self._copying(f"{source} to {local}"), _Arrival(local) as arrival:
            deadline = time.monotonic() + PULL_S
            command = remote_shell.sending(source, limit=PULL_S, token=remote_shell.new_token())
            err = bytearray()
            with self._conversation(command, time.monotonic() + PATIENCE_S, arrival.take, err.extend) as talk:
                talk.begin(deadline)
                talk.until_ended(deadline)
                self._heard(talk)
                self._refuse_failure(talk, bytes(err))
            arrival.keep()

    def _refuse_failure(self, talk: Conversation, said: bytes) -> None:
        code = talk.exit_code(["sh"], self.host)
        if code:
            words = said.decode(errors="replace").strip()
            raise OSError(words or f"it ended with {code}, without a word; perhaps it took too long")

    @contextlib.contextmanager
    def _copying(self, both: str) -> Iterator[None]:
        try:
            yield
        except EOFError:
            raise FileCopyException(
                f"{both}: the connection was lost{self._cause()}", self.host, transient=True
            ) from None
        except TimeoutError:
            text = f"{both}: it took too long: the connection is frozen or very slow{self._cause()}"
            raise FileCopyException(text, self.host, transient=True) from None
        except ChannelError as error:
            text = f"{both}: {error.reason}"
            raise FileCopyException(text, self.host, transient=error.transient, hint=error.hint) from error
        except OSError as error:
            raise FileCopyException(f"{both}: {error}", self.host) from error


class _Arrival:
    """A file that comes, below another name until it is whole; before it comes what ``ls`` says of its mode."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._partial = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
        self._listing = b""
        self._file: IO[bytes] | None = None

    def __enter__(self) -> _Arrival:
        if self._target.is_dir():
            raise IsADirectoryError(f"{self._target} is a folder")
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._partial.unlink(missing_ok=True)
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        self._file = os.fdopen(descriptor, "wb")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        self._partial.unlink(missing_ok=True)

    def take(self, data: bytes) -> None:
        lacking = remote_shell.LISTED - len(self._listing)
        self._listing += data[:lacking]
        if self._file is not None:
            self._file.write(data[lacking:])

    def keep(self) -> None:
        if self._file is not None:
            self._file.close()
        os.chmod(self._partial, remote_shell.mode_of(self._listing.decode(errors="replace")))
        os.replace(self._partial, self._target)


def _pour(talk: Conversation, file: IO[bytes], size: int, deadline: float) -> None:
    """Send so many bytes of a file; if it has become shorter, the other side is told by an end that comes too early."""
    left = size
    while left and not talk.ended:
        data = file.read(min(PIECE, left))
        if not data:
            talk.wire.end_input()
            return
        talk.say(data, deadline)
        left -= len(data)


def _posix(path: PurePath) -> str:
    return PurePath(path).as_posix()


def _nothing(data: bytes) -> None:
    """For output that nobody wants."""
