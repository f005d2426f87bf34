"""The channel to where the program itself runs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from parsl_like.channels.base import Channel
from parsl_like.core.arguments import spelled
from parsl_like.core.fields import own_containers
from parsl_like.core.ports import CommandResult
from parsl_like.errors import ChannelError
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from parsl_like.core.ports import BlockContext, ChannelSession


LAST_WAIT_S = 5.0
"""How long the end of a killed command is waited for; the kernel may hold it for ever, in a dead file system say."""


@spelled()
@dataclasses.dataclass
class LocalChannel(Channel):
    """Runs commands as this user, on this machine, without a shell in between.

    Args:
        userhome: Folder in which commands run, and from which relative paths count.
        envs: Variables added to the environment of commands.
        script_dir: Where a provider puts scripts; None leaves that to the run.
    """

    userhome: str = dataclasses.field(default=".", metadata={"help": "Folder in which commands run."})
    envs: Mapping[str, str] = dataclasses.field(
        default_factory=dict, metadata={"help": "Variables added to the environment of commands."}
    )
    script_dir: str | None = dataclasses.field(
        default=None, metadata={"help": "Where a provider puts scripts; None leaves that to the run."}
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def open(self) -> LocalChannelSession:
        """A session; nothing is started by opening it."""
        return LocalChannelSession(self)


class LocalChannelSession:
    """Runs each command in a process group of its own, so that a limit reaches whatever the command started.

    Args:
        description: The channel; its folder is made absolute now.
    """

    def __init__(self, description: LocalChannel) -> None:
        self._folder = Path(description.userhome).absolute()
        self._envs = dict(description.envs)

    def run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> CommandResult:
        """Run a command and give its exit code and output, undecodable bytes replaced.

        Output goes through files: a command that leaves something running in the background, with its output still
        open, ends when it ends, and none can be stopped by a full pipe.

        Args:
            argv: The program and its arguments.
            timeout: Seconds it may take.
            stdin: Text for its standard input; None for none.

        Raises:
            ChannelError: there is no such program, or it took too long and its process group was killed.
        """
        import subprocess
        import tempfile

        with contextlib.ExitStack() as files:
            out = files.enter_context(tempfile.TemporaryFile())
            err = files.enter_context(tempfile.TemporaryFile())
            source: IO[bytes] | int = subprocess.DEVNULL
            if stdin is not None:
                source = files.enter_context(tempfile.TemporaryFile())
                source.write(stdin.encode())
                source.seek(0)
            process = self._start(argv, source, out, err)
            try:
                exit_code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._kill(process)
                raise ChannelError(
                    f"{argv[0]} took longer than {timeout:g} s and was killed; {_said(out, err)}", transient=True
                ) from None
            except BaseException:
                self._kill(process)
                raise
            return CommandResult(exit_code, _text(out), _text(err))

    def _start(
        self, argv: Sequence[str], source: IO[bytes] | int, out: IO[bytes], err: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        import subprocess

        try:
            return subprocess.Popen(
                list(argv),
                stdin=source,
                stdout=out,
                stderr=err,
                cwd=self._folder,
                env={**os.environ, **self._envs},
                start_new_session=True,
            )
        except OSError as error:
            transient = isinstance(error, BlockingIOError)  # no process to be had at the moment
            raise ChannelError(f"cannot run {argv[0]}: {error}", transient=transient) from error

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        import subprocess

        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WAIT_S)

    def push(self, local: Path, remote: PurePath) -> None:
        """Copy a file to a path that may be relative to the channel's folder; it appears there whole or not at all."""
        self._copy(Path(local), self._folder / remote)

    def pull(self, remote: PurePath, local: Path) -> None:
        """Copy a file from a path that may be relative to the channel's folder."""
        self._copy(self._folder / remote, Path(local))

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        import shutil

        partial = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            if target.exists() and source.samefile(target):
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, partial)
            os.replace(partial, target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ChannelError(f"cannot copy {source} to {target}: {error}") from error

    def close(self) -> None:
        """Nothing to release."""


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _said(out: IO[bytes], err: IO[bytes]) -> str:
    """The end of what a command had written by the time it was killed."""
    words = (_text(err) or _text(out)).strip()[-500:]
    return f"it had written: {words}" if words else "it had written nothing"


@hookimpl
def parsl_like_channel_types() -> Mapping[str, type[Channel]]:
    """The channel of this module."""
    return {"LocalChannel": LocalChannel}


@hookimpl
def parsl_like_open_channel(description: Channel, context: BlockContext) -> ChannelSession | None:
    """A session for a local channel, None for any other."""
    del context
    return description.open() if isinstance(description, LocalChannel) else None
