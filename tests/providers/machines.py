"""Machines for tests of what runs elsewhere: folders of this machine that are used by nothing but a channel.

Commands run really, through the local channel; the connection can be cut, and can be lost with a command's answer.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from parsl_like.channels import Channel, LocalChannel
from parsl_like.channels.errors import AuthException, SSHException

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.core.ports import CommandResult


@dataclasses.dataclass
class Line:
    """The line to a machine.

    Attributes:
        cut: Nothing goes through, which shows after so many seconds; None if it is whole.
        refused: The machine lets nobody in.
        lose: Commands with this in their text run, but their answer is lost.
        drop: Commands with this in their text are lost.
        commands: The commands that have run.
        wait: Waits for the time that a cut line takes to show.
    """

    cut: bool = False
    refused: bool = False
    lose: str | None = None
    drop: str | None = None
    commands: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    wait: Callable[[], object] = lambda: None
    opened: int = 0
    closed: int = 0

    def text(self) -> str:
        """All commands that have run, for tests of what was said."""
        return "\n".join(word for command in self.commands for word in command)


@dataclasses.dataclass
class MachineChannel(Channel):
    """A channel to a folder that plays another machine."""

    LINES: ClassVar[dict[str, Line]] = {}
    """By folder: descriptions are sealed, copied and pickled."""

    home: str = "."
    hostname: str = "far"
    python: str = sys.executable
    tunnel: bool = False
    script_dir: str | None = None

    @property
    def line(self) -> Line:
        return self.LINES.setdefault(self.home, Line())

    def open(self) -> MachineSession:
        self.line.opened += 1
        return MachineSession(self)


class MachineSession:
    """Satisfies ``core.ports.RemoteChannelSession`` as far as blocks without a tunnel need it."""

    def __init__(self, channel: MachineChannel) -> None:
        self.host = channel.hostname
        self._line = channel.line
        self._local = LocalChannel(channel.home).open()
        self._folder = PurePosixPath(Path(channel.home).resolve())

    @property
    def folder(self) -> PurePosixPath:
        return self._folder

    def run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> CommandResult:
        line, text = self._line, "\n".join(argv)
        if line.refused:
            raise AuthException("no such user", self.host)
        if line.cut or (line.drop is not None and line.drop in text):
            line.wait()
            raise SSHException("the connection was lost", self.host, transient=True)
        line.commands.append(tuple(argv))
        result = self._local.run(argv, timeout=timeout, stdin=stdin)
        if line.lose is not None and line.lose in text:
            raise SSHException("the connection was lost", self.host, transient=True)
        return result

    def push(self, local: Path, remote: PurePosixPath) -> None:
        self._local.push(local, remote)

    def pull(self, remote: PurePosixPath, local: Path) -> None:
        self._local.pull(remote, local)

    def start(self, argv: Sequence[str]) -> object:
        raise AssertionError(argv)

    def forward(self, port: int) -> int:
        raise AssertionError(port)

    def close(self) -> None:
        self._line.closed += 1
