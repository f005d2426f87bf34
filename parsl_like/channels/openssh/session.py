"""Commands, files and ports over a login of the system's ssh, which this session shares with others that lead there."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Final

from parsl_like.channels.openssh import command_lines, connection
from parsl_like.channels.openssh.wire import OpenSSHWire, started
from parsl_like.channels.remote_session import RemoteSession
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.channels.openssh.command_lines import Login
    from parsl_like.channels.openssh.questions import Questions
    from parsl_like.channels.remote_process import WireProcess

FORWARD_S: Final = 60.0
"""How long it may take to make the connection for a port."""


class OpenSSHSession(RemoteSession):
    """What :class:`~parsl_like.channels.remote_session.RemoteSession` does, through processes of the system's ssh.

    Args:
        login: Where to.
        questions: Who answers what ssh asks.
        envs: Variables added to the environment of commands.
    """

    def __init__(self, login: Login, questions: Questions, envs: Mapping[str, str]) -> None:
        super().__init__(login.target, envs)
        self._login = login
        self._forwarded: dict[int, int] = {}
        self._processes: weakref.WeakSet[WireProcess] = weakref.WeakSet()
        self._connection: connection.Connection | None = connection.shared(login, questions)

    def log_in(self, limit: float) -> None:
        """Make the connection, unless another session has.

        Args:
            limit: Seconds it may take, with all that somebody has to type.

        Raises:
            ChannelError: the login has failed, see :mod:`parsl_like.channels.errors`; the session is closed then.
        """
        try:
            self._shared().ready(time.monotonic() + limit)
        except BaseException:
            self.close()
            raise

    def start(self, argv: Sequence[str]) -> WireProcess:
        """Start a command that goes on running, until the session is closed; see RemoteSession.

        Raises:
            ChannelError: the machine cannot be reached, or the command did not begin within a minute.
        """
        process = super().start(argv)
        self._processes.add(process)
        return process

    def forward(self, port: int) -> int:
        """Lead a port of the other machine's loopback to this port of ours, until the session is closed.

        Returns:
            Its number, which stays the same when the connection is made again.

        Raises:
            SSHException: the other machine does not allow it.
        """
        if port not in self._forwarded:
            shared = self._shared()
            shared.ready(time.monotonic() + FORWARD_S)
            self._forwarded[port] = shared.forward(port)
        return self._forwarded[port]

    def close(self) -> None:
        """Release the connection; the last session that uses it ends it. Nothing can be done with this one any more."""
        shared, self._connection = self._connection, None
        if shared is not None:
            for process in list(self._processes):  # others may still use the login
                process.close()
            connection.give_back(shared, self._forwarded)

    def _shared(self) -> connection.Connection:
        if self._connection is None:
            raise ChannelError("the channel was closed", self.host)
        return self._connection

    def _open_wire(self, line: str, deadline: float) -> OpenSSHWire:
        def command_line() -> Sequence[str]:
            shared = self._shared()
            shared.ready(deadline)
            return command_lines.command_line(self._login, shared.socket, line)

        return OpenSSHWire(started(command_line()), command_line, deadline, self.host)

    def _cause(self) -> str:
        said = "" if self._connection is None else self._connection.cause()
        return f", ssh says: {said}" if said else ""
