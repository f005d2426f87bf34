"""Connections that notice when nothing, or next to nothing, comes."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from parsl_like.remote.transfers.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.remote.transfers.limits import Limits
    from parsl_like.remote.transfers.progress import Progress


SLOWEST = 16
"""Bytes a second below which nothing useful goes on."""


class Pace:
    """Judges how fast a transfer goes: a server that sends a byte now and then would keep any time limit from ending.

    Args:
        limits: Seconds of silence, and of the whole.
        clock: Monotonic seconds.
        progress: Says how far a file is that is sent; None for nobody.
    """

    def __init__(
        self, limits: Limits, clock: Callable[[], float] = time.monotonic, progress: Progress | None = None
    ) -> None:
        self._clock, self._progress = clock, progress
        self._silence, self._total = limits.silence, limits.total
        self._end = None if limits.total is None else clock() + limits.total
        self.reset()

    def reset(self) -> None:
        """Something was asked for: from here on it may take its time."""
        self._since, self._bytes = self._clock(), 0

    def patience(self) -> float:
        """Seconds to wait for the next byte.

        Raises:
            Trouble: the time for the whole is over.
        """
        if self._end is None:
            return self._silence
        left = self._end - self._clock()
        if left <= 0:
            raise Trouble(f"it took longer than {self._total:g} s")
        return min(self._silence, left)

    def add(self, count: int) -> None:
        """Some bytes have gone or come.

        Raises:
            Trouble: they are too few for the time, or the time for the whole is over.
        """
        now = self._clock()
        if not self._bytes:
            self._since = now  # how long the first has taken is no matter of how fast they come
        self._bytes += count
        passed = now - self._since
        if count and passed >= self._silence:
            if self._bytes < passed * SLOWEST:
                raise Trouble(f"it has stalled: {self._bytes} bytes in {passed:.0f} s", transient=True)
            self.reset()
        self.patience()

    def sent(self, count: int) -> None:
        """Some bytes of a file have gone.

        Raises:
            Trouble: as :meth:`add`.
        """
        if self._progress is not None:
            self._progress.add(count)
        self.add(count)


class _Paced:
    """What both kinds of sockets do before and after they receive."""

    pace: Pace | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self.pace is not None:
            self.settimeout(self.pace.patience())  # type: ignore[attr-defined]
        count: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]
        if self.pace is not None:
            self.pace.add(count)
        return count


class PacedSocket(_Paced, socket.socket):
    """A TCP connection whose reading is judged by its ``pace``."""


class PacedTLSSocket(_Paced, ssl.SSLSocket):
    """The same under TLS."""


def connection(address: tuple[str, int], pace: Pace) -> PacedSocket:
    """A connection to a host and port, both families tried.

    Raises:
        OSError: there is none to be had.
    """
    return paced(socket.create_connection(address, pace.patience()), pace)


def paced(plain: socket.socket, pace: Pace) -> PacedSocket:
    """The same connection, judged; what was given is closed."""
    timeout = plain.gettimeout()
    judged = PacedSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
    judged.settimeout(timeout)
    judged.pace = pace
    return judged


def secured(plain: socket.socket, context: ssl.SSLContext, host: str, pace: Pace, **options: Any) -> ssl.SSLSocket:
    """The connection under TLS, its certificate verified for the host.

    Raises:
        OSError: the other side does not speak TLS, or is not who it should be.
    """
    wrapped = context.wrap_socket(plain, server_hostname=host, **options)
    if isinstance(wrapped, PacedTLSSocket):
        wrapped.pace = pace
    return wrapped


def context(ca_file: str | None) -> ssl.SSLContext:
    """How TLS is spoken here: verified, by the system's authorities or those of the file.

    Raises:
        Trouble: the file cannot be read or has no certificate.
    """
    try:
        made = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Trouble(f"the certificates in {ca_file} cannot be used: {error}") from error
    made.sslsocket_class = PacedTLSSocket
    return made
