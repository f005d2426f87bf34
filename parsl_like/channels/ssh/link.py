"""A connection that somebody has logged in to: commands and ports go through it, and it is noticed when it is lost.

Paramiko tells nobody when a connection is reset, or gives no sign of life: what was waited for just does not come. So
the other side is asked a question now and then (RFC 4254, section 4: any answer will do), and a connection on which no
answer comes is given up, which ends every wait.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from parsl_like.channels.ssh import limits
from parsl_like.channels.ssh.logins import end
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import paramiko

logger = logging.getLogger(__name__)

PULSE_S: Final = 5.0
"""Seconds between two questions; it also keeps the connection in the tables of routers on the way."""
ANSWER_S: Final = 10.0
"""How long the answer to a question may take."""
PIECE: Final = 1 << 18
SLICE_S: Final = 1.0
"""How long at most one wait is: what is waited for may have been closed by another thread."""


class Refused(Exception):
    """The other side is there and does not do what it was asked for."""


class Link:
    """One connection, used until it is lost, and never again.

    Args:
        clients: Its clients, the last machine's first, logged in.
        name: The other machine, for messages.
    """

    def __init__(self, clients: Sequence[paramiko.SSHClient], name: str) -> None:
        transport = clients[0].get_transport()
        if transport is None:
            raise EOFError
        self._clients = list(clients)
        self._name = name
        self.transport = transport
        self._asking = threading.Lock()
        self._over = threading.Event()
        self._silent = ""
        self._ports: dict[int, int] = {}
        threading.Thread(target=self._watch, name="parsl-like-ssh-pulse", daemon=True).start()

    @property
    def active(self) -> bool:
        """Whether it stands, as far as is known."""
        return not self._over.is_set() and self.transport.is_active()

    @property
    def cause(self) -> str:
        """Why it has ended, as the end of a sentence; empty if that is not known."""
        if not self._silent and not self.transport.is_active():
            error = self.transport.get_exception()
            if error is not None and str(error):
                self._silent = f": {error}"
        return self._silent

    def close(self) -> None:
        """End it, with everything that goes through it."""
        self._over.set()
        _shut(self._clients[-1])
        for client in self._clients:
            end(client)

    # --- commands ---

    def open(self, line: str, timeout: float) -> ChannelWire:
        """Have the server run a line.

        Args:
            line: For the login shell there.
            timeout: Seconds in which it must begin to.

        Raises:
            TimeoutError: it did not.
            EOFError: the connection was lost.
            Refused: the server runs no more commands now, or none at all.
        """
        import paramiko

        deadline = time.monotonic() + timeout
        try:
            channel = self.transport.open_session(timeout=timeout)
        except paramiko.ChannelException as error:
            raise Refused(f"the server opens no channel: {error.text or error}") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._missing() from error
        try:
            # Its requests wait for an answer without a limit.
            with limits.at(deadline, lambda: _let_go(channel)) as late:
                channel.exec_command(line)
        except (paramiko.SSHException, EOFError, OSError) as error:
            _let_go(channel)
            if late.is_set() or not self.active:
                raise self._missing() from error
            raise Refused(f"the server runs no commands: {error}") from error
        return ChannelWire(channel, self)

    def _missing(self) -> Exception:
        return TimeoutError() if self.active else EOFError()

    # --- ports ---

    def forward(self, here: int, there: int = 0) -> int:
        """Lead a port of the other machine's loopback to one of ours.

        Args:
            here: Our port.
            there: The other machine's; 0 lets it choose.

        Returns:
            The other machine's port.

        Raises:
            EOFError: the connection was lost.
            Refused: the other side does not allow it, or not this port.
        """
        import paramiko

        if there:
            self._ports[there] = here
        try:
            with self._asking:
                given = self.transport.request_port_forward("127.0.0.1", there, self._arrived)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if not self.active:
                raise EOFError from error
            raise Refused(str(error)) from error
        self._ports[given] = here
        return given

    def _arrived(self, channel: paramiko.Channel, origin: Any, at: tuple[str, int]) -> None:
        """Somebody there has connected; called by the thread that reads the connection, which must not wait."""
        del origin
        here = self._ports.get(at[1])
        if here is None:
            channel.close()
            return
        threading.Thread(target=_lead, args=(channel, here), name="parsl-like-ssh-forward", daemon=True).start()

    # --- its life ---

    def _watch(self) -> None:
        while not self._over.wait(PULSE_S) and self.transport.is_active():
            answered = threading.Event()
            threading.Thread(target=self._ask, args=(answered,), name="parsl-like-ssh-question", daemon=True).start()
            if not answered.wait(ANSWER_S) and not self._over.is_set():
                self._silent = f": {self._name} has not answered for {ANSWER_S:g} s"
                logger.warning("the connection to %s is given up%s", self._name, self._silent)
                self.close()

    def _ask(self, answered: threading.Event) -> None:
        import paramiko

        with contextlib.suppress(paramiko.SSHException, EOFError, OSError), self._asking:
            self.transport.global_request("keepalive@openssh.com", wait=True)
        answered.set()


class ChannelWire:
    """A :class:`~parsl_like.channels.conversation.Wire` through one of a connection's channels.

    Args:
        channel: On which a line runs.
        link: The connection.
    """

    def __init__(self, channel: paramiko.Channel, link: Link) -> None:
        self._channel, self._link = channel, link
        self._descriptor = channel.fileno()

    @property
    def alive(self) -> bool:
        """Whether it is of any use to wait for more."""
        return self._link.active and not self._channel.closed and not self._channel.eof_received

    def send(self, data: bytes, timeout: float) -> None:
        """Give all of it to the input.

        Raises:
            TimeoutError: it was not taken in so many seconds.
            EOFError: nobody reads any more.
        """
        import paramiko

        self._channel.settimeout(max(0.001, timeout))
        try:
            self._channel.sendall(data)
        except TimeoutError:
            raise
        except (paramiko.SSHException, OSError) as error:
            raise EOFError from error

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        """What has come on the two outputs, at least a byte.

        Raises:
            TimeoutError: nothing has come in so many seconds.
            EOFError: nothing comes any more on either.
        """
        deadline = time.monotonic() + timeout
        while True:
            # Looked at first: what comes before the end is there when the end is.
            over = self._channel.eof_received or self._channel.closed or not self._link.active
            out = self._channel.recv(PIECE) if self._channel.recv_ready() else b""
            err = self._channel.recv_stderr(PIECE) if self._channel.recv_stderr_ready() else b""
            if out or err:
                return out, err
            if over:
                raise EOFError
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            _wait(self._descriptor, min(left, SLICE_S))

    def end_input(self) -> None:
        """Let the input end; no error if it has."""
        import paramiko

        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self._channel.shutdown_write()

    def close(self) -> None:
        """Release it; no error if the connection is gone."""
        _let_go(self._channel)


def refused(error: Refused, name: str) -> ChannelError:
    """The error for what the other side does not do."""
    return ChannelError(str(error), name, transient=True)


def _wait(descriptor: int, timeout: float) -> None:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(timeout * 1000)
    else:  # Windows
        select.select([descriptor], [], [], timeout)


def _let_go(channel: paramiko.Channel) -> None:
    import paramiko

    with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
        channel.close()


def _shut(client: paramiko.SSHClient) -> None:
    """Shut the socket below a client: what is written to a connection that does not take it would wait."""
    transport = client.get_transport()
    if transport is not None:
        with contextlib.suppress(OSError, EOFError):
            transport.sock.shutdown(socket.SHUT_RDWR)


# --- connections through a forwarded port ---


def _lead(channel: paramiko.Channel, here: int) -> None:
    """Carry a connection from there to a port of ours, both ways, until both have ended."""
    try:
        inner = socket.create_connection(("127.0.0.1", here), timeout=10)
    except OSError as error:
        logger.warning("nothing listens on port %d, to which a connection was forwarded: %s", here, error)
        _let_go(channel)
        return
    with inner:
        inner.settimeout(None)
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_carry_out, args=(inner, channel), name="parsl-like-ssh-back", daemon=True)
        back.start()
        _carry_in(channel, inner)
        back.join()
    _let_go(channel)


def _carry_in(channel: paramiko.Channel, inner: socket.socket) -> None:
    try:
        while data := channel.recv(PIECE):
            inner.sendall(data)
        inner.shutdown(socket.SHUT_RDWR if channel.closed else socket.SHUT_WR)
    except OSError:
        _let_go(channel)
        with contextlib.suppress(OSError):
            inner.shutdown(socket.SHUT_RDWR)


def _carry_out(inner: socket.socket, channel: paramiko.Channel) -> None:
    import paramiko

    try:
        while data := inner.recv(PIECE):
            channel.sendall(data)
        channel.shutdown_write()
    except (paramiko.SSHException, EOFError, OSError):
        _let_go(channel)
        with contextlib.suppress(OSError):
            inner.shutdown(socket.SHUT_RDWR)
