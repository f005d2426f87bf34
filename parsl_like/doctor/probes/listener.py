"""A place where nodes of a test block call, as an executor's interchange would have one."""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parsl_like.addresses import tcp_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

MOST_BYTES = 1 << 16
MOST_CALLS = 256
"""At once; a stranger who calls more often is not heard."""


class Listener:
    """Says a word to whoever calls, and takes down what they say; a context. It works only while it is pumped.

    Args:
        host: What to listen at, ``*`` for every address.
        ports: Which of them to take: the first that can be had.
        token: The word by which callers know that they have come to the right place.

    Attributes:
        port: The port it has.
        heard: What callers have said, a line each.

    Raises:
        OSError: none of the ports can be had.
    """

    def __init__(self, host: str, ports: Iterable[int], token: str) -> None:
        self._token = token.encode() + b"\n"
        self._selector = selectors.DefaultSelector()
        try:
            self._door = bound(host, ports)
        except BaseException:
            self._selector.close()
            raise
        self._door.listen(MOST_CALLS)
        self._door.setblocking(False)
        self._selector.register(self._door, selectors.EVENT_READ)
        self._calls: dict[socket.socket, bytearray] = {}
        self.port: int = self._door.getsockname()[1]
        self.heard: list[str] = []

    def urls(self, hosts: Iterable[str]) -> list[str]:
        """Where it is to be reached under these names."""
        return [tcp_url(host, self.port) for host in hosts]

    def pump(self, seconds: float) -> None:
        """Answer callers for so long."""
        deadline = time.monotonic() + seconds
        while True:
            for key, _ in self._selector.select(max(0.0, deadline - time.monotonic())):
                self._answer(key.fileobj)
            if time.monotonic() >= deadline:
                return

    def _answer(self, who: Any) -> None:
        if who is self._door:
            self._welcome()
            return
        said = b""
        with suppress(OSError):  # one that hangs up hard has said nothing more
            said = who.recv(MOST_BYTES)
        self._calls[who] += said
        if not said or len(self._calls[who]) > MOST_BYTES:
            self._hang_up(who)

    def _welcome(self) -> None:
        try:
            caller, _ = self._door.accept()
        except OSError:  # it has gone again
            return
        if len(self._calls) >= MOST_CALLS:
            caller.close()
            return
        caller.setblocking(False)
        with suppress(OSError):  # the same
            caller.send(self._token)
        self._calls[caller] = bytearray()
        self._selector.register(caller, selectors.EVENT_READ)

    def _hang_up(self, who: socket.socket) -> None:
        self._selector.unregister(who)
        who.close()
        if said := self._calls.pop(who).decode(errors="replace").strip():
            self.heard.append(said)

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for who in list(self._calls):
            self._hang_up(who)
        self._selector.close()
        self._door.close()


def bound(host: str, ports: Iterable[int]) -> socket.socket:
    """A socket at the first of some ports that can be had.

    Args:
        host: A name or number of this machine, ``*`` for every address.
        ports: The ports.

    Raises:
        OSError: there is none, with the last reason.
    """
    family, place = _place(host)
    reason = OSError("no port is left to try")
    for port in ports:
        door = socket.socket(family, socket.SOCK_STREAM)
        try:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind((place, port))
        except OSError as error:
            door.close()
            reason = error
        else:
            return door
    raise reason


def _place(host: str) -> tuple[socket.AddressFamily, str]:
    if host == "*":
        return socket.AF_INET, ""
    found: Sequence[Any] = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    return found[0][0], str(found[0][4][0])
