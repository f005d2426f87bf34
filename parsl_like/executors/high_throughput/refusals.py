"""Connections to a listening socket that end before anybody has shown a key: how many, and what was wrong.

ZeroMQ refuses them by itself and tells nobody but a monitor of the socket (``man 3 zmq_socket_monitor``). It also takes
as many as come, so that whoever knocks often enough would use up the descriptors of this process: here those that have
said nothing for longest are hung up on when there are too many.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket as sockets
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING

import zmq

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.links.tcp import Context, Socket
    from parsl_like.executors.high_throughput.links.waiting import Waiter

MOST_WAITING = 8192
"""So many connections may be between their beginning and their key, or an eighth of the descriptors if that is less."""

GREETING_BYTES, HELLO_BYTES = 64, 202
"""What ZeroMQ says first (RFC 23), and what can only be said rightly by those who know this side's key (RFC 26)."""

NO_ZEROMQ = "something that is not ZeroMQ"
NO_ANSWER = "a connection that did not say who it is"
OTHER_MECHANISM = "a peer without keys"
WRONG_SERVER_KEY = "a peer with another key of this side"
MALFORMED = "a malformed handshake"

_PROTOCOL_ERRORS = {0x11000001: WRONG_SERVER_KEY, 0x11000002: OTHER_MECHANISM}
_EVENT = Struct("=HI")
_TCP_INFO = Struct("=128xQ")  # linux/tcp.h: tcpi_bytes_received
_EVENTS = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_MONITOR_STOPPED
)
_numbers = itertools.count(1)


class Refusals:
    """Watches one listening socket, from before it is bound or soon after.

    Args:
        context: Where the socket lives.
        socket: The socket; closed by its owner, whenever that is.
        most: How many connections may wait for their keys to be looked at; None for what the process can bear.
        encrypted: Whether they are to know this side's key, too.

    Attributes:
        ended: Whether the socket has been closed, so that nothing more will come.
    """

    def __init__(self, context: Context, socket: Socket, most: int | None = None, *, encrypted: bool = False) -> None:
        self.ended = False
        self._listener = socket
        self._most = _bearable() if most is None else most
        self._spoken = GREETING_BYTES + (HELLO_BYTES if encrypted else 1)
        self._waiting: dict[int, None] = {}
        self._hung_up: set[int] = set()
        self._unassigned = 0
        self._failing = False
        self._counts: dict[str, int] = {}
        address = f"inproc://refusals-{next(_numbers)}"
        socket.monitor(address, _EVENTS)
        self._news: Socket = context.socket(zmq.PAIR)
        # Else the thread that does all the work of the context would wait for this one to read.
        self._news.setsockopt(zmq.RCVHWM, 0)
        self._news.setsockopt(zmq.LINGER, 0)
        self._news.connect(address)

    def watch(self, waiter: Waiter, source: object) -> None:
        """Let a waiter name ``source`` when there is news."""
        waiter.add(int(self._news.get(zmq.FD)), source)

    def unwatch(self, waiter: Waiter) -> None:
        """The opposite."""
        waiter.remove(int(self._news.get(zmq.FD)))

    def has_more(self) -> bool:
        """Whether there is news that the descriptor may not tell of."""
        return bool(int(self._news.get(zmq.EVENTS)) & zmq.POLLIN)

    def handle(self) -> None:
        """Take all news; never waits."""
        while not self.ended:
            try:
                event, *_ = self._news.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._take(*_EVENT.unpack_from(event))
        if not self.ended:
            self._mind_the_door()

    def counts(self) -> dict[str, int]:
        """How many were refused since the last call, by what was wrong."""
        found, self._counts = self._counts, {}
        return found

    def close(self) -> None:
        """Watch no longer."""
        if not self._listener.closed and not self.ended:
            self._listener.disable_monitor()
        self.ended = True
        self._news.close()

    # --- news

    def _take(self, event: int, value: int) -> None:
        if event == zmq.EVENT_ACCEPTED:
            self._waiting[value] = None
        elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._unassigned += 1
        elif event == zmq.EVENT_DISCONNECTED:
            self._disconnected(value)
        elif event == zmq.EVENT_MONITOR_STOPPED:
            self.ended = True
        elif event != zmq.EVENT_CLOSED:
            self._failing = True
            self._failed(event, value)
        if len(self._waiting) == self._unassigned:  # all of them have shown their keys
            self._waiting.clear()
            self._hung_up.clear()
            self._unassigned = 0

    def _failed(self, event: int, value: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._count(_PROTOCOL_ERRORS.get(value, MALFORMED))
        # Whoever only looks whether somebody listens hangs up with a reset; keys are counted by whom they are shown to.
        elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL and value != errno.ECONNRESET:
            self._count(OTHER_MECHANISM if value == errno.EPIPE else NO_ANSWER)

    def _disconnected(self, descriptor: int) -> None:
        """A connection is over: one that failed, as was just said, one that stood, or one that said nonsense."""
        failing, self._failing = self._failing, False
        if descriptor not in self._waiting:
            return
        if not failing:
            # Which of those that wait has shown a key is not told, only how many have.
            if len(self._waiting) > self._unassigned:
                self._count(NO_ZEROMQ)
            else:
                self._unassigned -= 1
        del self._waiting[descriptor]
        self._hung_up.discard(descriptor)

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    # --- too many

    def _mind_the_door(self) -> None:
        excess = len(self._waiting) - self._unassigned - len(self._hung_up) - self._most
        if excess <= 0:
            return
        for descriptor in [descriptor for descriptor in self._waiting if descriptor not in self._hung_up]:
            with suppress(OSError):
                if _hang_up(descriptor, self._port(), self._spoken):
                    self._hung_up.add(descriptor)
                    excess -= 1
            if not excess:
                return

    def _port(self) -> int:
        return int(str(self._listener.getsockopt_string(zmq.LAST_ENDPOINT)).rpartition(":")[2])


def _hang_up(descriptor: int, port: int, spoken: int) -> bool:
    """End a connection to a port that belongs to another thread, if it has not said much; False if it has.

    Raises:
        OSError: if it is gone, or no descriptor is left to hold it by.
    """
    with sockets.socket(fileno=os.dup(descriptor)) as twin:
        # The number may be another's by now.
        if twin.family not in (sockets.AF_INET, sockets.AF_INET6) or twin.getsockname()[1] != port:
            raise OSError(errno.ENOENT, "it is gone")
        if _received(twin) >= spoken:
            return False
        twin.shutdown(sockets.SHUT_RDWR)
    return True


def _received(connection: sockets.socket) -> int:
    """How many bytes have come over a connection (``man 7 tcp``, TCP_INFO); 0 where that is not told."""
    if not hasattr(sockets, "TCP_INFO"):
        return 0
    told = connection.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_INFO, _TCP_INFO.size)
    return int(_TCP_INFO.unpack(told)[0]) if len(told) == _TCP_INFO.size else 0


def _bearable() -> int:
    try:
        import resource
    except ImportError:
        return MOST_WAITING
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_WAITING if limit < 0 else max(16, min(MOST_WAITING, limit // 8))
