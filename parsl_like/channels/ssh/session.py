"""Commands, files and ports on another machine through paramiko; a connection that is lost is made again."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

from parsl_like.channels.errors import SSHException
from parsl_like.channels.remote_session import PATIENCE_S, RemoteSession
from parsl_like.channels.ssh.link import Link, Refused, refused
from parsl_like.channels.ssh.logins import log_in
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.channels.remote_shell import Greeting
    from parsl_like.channels.ssh.destination import Destination
    from parsl_like.channels.ssh.link import ChannelWire
    from parsl_like.channels.ssh.logins import Credentials

OPEN_S: Final = 10.0
"""How long one try to begin a command takes, before it is looked whether the connection still stands."""
PAUSE_S: Final = 0.2
"""Between two tries to begin a command where the server runs as many as it may."""
AGAIN_S: Final = 5.0
"""How long a connection that was made again waits for the old one to let go of a forwarded port."""

# What still holds a port is the process that the server had for the lost connection, if it has not noticed the loss.
_END_SERVER: Final = 'case $(ps -o comm= -p "$1") in *sshd*) kill "$1" ;; esac'


class SSHSession(RemoteSession):
    """What :class:`~parsl_like.channels.remote_session.RemoteSession` does, over connections of its own.

    Args:
        destination: Where to.
        credentials: How to log in.
        envs: Variables added to the environment of commands.
    """

    def __init__(self, destination: Destination, credentials: Credentials, envs: Mapping[str, str]) -> None:
        super().__init__(destination.name, envs)
        self._destination, self._credentials = destination, credentials
        self._lock = threading.RLock()
        self._link: Link | None = None
        self._closed = False
        self._forwards: dict[int, int] = {}
        self._not_led: set[int] = set()
        self._mending = False
        self._last_cause = ""

    def log_in(self, limit: float) -> None:
        """Connect, log in and run a command.

        Args:
            limit: Seconds it may take.

        Raises:
            ChannelError: see :mod:`parsl_like.channels.errors`; nothing is left of it then.
        """
        try:
            self._linked(time.monotonic() + limit)
            self.run(["true"], timeout=limit)
        except BaseException:
            self.close()
            raise

    def forward(self, port: int) -> int:
        """Lead a port of the other machine's loopback to this port of ours, until the session is closed.

        Returns:
            Its number, which stays the same when the connection is made again.

        Raises:
            SSHException: the other machine does not allow it.
        """
        with self._lock:
            link = self._linked(time.monotonic() + PATIENCE_S)
            if port not in self._forwards:
                self._forwards[port] = self._ask_forward(link, port, 0)
            return self._forwards[port]

    def close(self) -> None:
        """End the connection and all that runs through it; nothing can be done with the session any more."""
        self._closed = True
        link = self._link  # not under the lock: somebody may be connecting, and would be waited for
        if link is not None:
            link.close()

    # --- the connection ---

    def _open_wire(self, line: str, deadline: float) -> ChannelWire:
        while True:
            link = self._linked(deadline)
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._silent(link)
            try:
                return link.open(line, min(left, OPEN_S))
            except TimeoutError:
                continue  # if the connection is dead, its own questions will tell
            except EOFError:
                self._note(link)
            except Refused as error:
                if time.monotonic() + PAUSE_S > deadline:
                    raise refused(error, self.host) from error
                time.sleep(PAUSE_S)

    def _linked(self, deadline: float) -> Link:
        """A connection that stands, as far as is known; made if need be.

        Raises:
            ChannelError: it cannot be had.
        """
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise SSHException("there was no time left while another thread connected", self.host, transient=True)
        try:
            if self._closed:
                raise ChannelError("the channel was closed", self.host)
            link = self._link
            if link is None or not link.active:
                link = self._made_again(deadline)
            if self._not_led and not self._mending:
                self._mend(link, deadline)
            return link
        finally:
            self._lock.release()

    def _made_again(self, deadline: float) -> Link:
        if self._link is not None:
            self._note(self._link)
            self._link.close()
        link = Link(log_in(self._destination, self._credentials, deadline), self.host)
        self._link = link
        if self._closed:
            link.close()
            raise ChannelError("the channel was closed", self.host)
        self._not_led = set(self._forwards)
        return link

    def _note(self, link: Link) -> None:
        self._last_cause = link.cause

    def _cause(self) -> str:
        link = self._link
        return (link.cause if link is not None and not link.active else "") or ""

    def _silent(self, link: Link) -> SSHException:
        why = link.cause or self._last_cause
        return SSHException(
            f"it does not answer: the connection is frozen, or the machine is overloaded{why}. Nothing was run",
            self.host,
            transient=True,
        )

    # --- forwarded ports, led again ---

    def _mend(self, link: Link, deadline: float) -> None:
        """Lead the ports again under the numbers that they had; what fails is tried again at the next command."""
        before = self._greeting
        self._mending = True
        try:
            until = min(deadline, time.monotonic() + AGAIN_S)
            for port in sorted(self._not_led):
                if self._leads_again(link, port, before, until):
                    self._not_led.discard(port)
        finally:
            self._mending = False

    def _leads_again(self, link: Link, port: int, before: Greeting | None, until: float) -> bool:
        told = False
        while link.active:
            try:
                self._ask_forward(link, port, self._forwards[port])
            except SSHException:
                if not told and before is not None:
                    self._end_server(before.server)
                    told = True
                if time.monotonic() + PAUSE_S > until:
                    return False
                time.sleep(PAUSE_S)
            else:
                return True
        return False

    def _end_server(self, process: int) -> None:
        """End what the lost connection has left there; a process of that number that is no ssh server is spared."""
        if process:
            with contextlib.suppress(ChannelError):  # it may have ended by itself; whether the port is free will show
                self.run(["sh", "-c", _END_SERVER, "sh", str(process)], timeout=AGAIN_S)

    def _ask_forward(self, link: Link, port: int, there: int) -> int:
        try:
            return link.forward(port, there)
        except EOFError as error:
            raise SSHException(
                f"it was lost while a port was forwarded{link.cause}", self.host, transient=True
            ) from error
        except Refused as error:
            wanted = f"port {there}" if there else "a port"
            raise SSHException(
                f"{wanted} there cannot be led to port {port} here: {error}",
                self.host,
                transient=bool(there),
                hint="ask the site whether its ssh server allows it (AllowTcpForwarding in sshd_config), or do without "
                "tunnel=True: then the program must have an address that the compute nodes reach.",
            ) from error
