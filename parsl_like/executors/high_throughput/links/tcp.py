"""Links between hosts: ZeroMQ over TCP, encrypted and authenticated by CurveZMQ.

One key pair per role (RFC 26, https://rfc.zeromq.org/spec/26/). Nobody gets in before an ``Authenticator`` of the same
context has allowed their key.
"""

from __future__ import annotations

import errno
import logging
import math
import random
import socket as sockets
import time
from typing import TYPE_CHECKING, Any

import zmq

from parsl_like.errors import BadMessage, ExecutorError
from parsl_like.executors.high_throughput.links import pieces
from parsl_like.executors.high_throughput.links.port import BIG, LARGE
from parsl_like.executors.high_throughput.refusals import Refusals
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from parsl_like.executors.high_throughput.keys import RoleKeys
    from parsl_like.executors.high_throughput.links.port import Link, Parting
    from parsl_like.executors.high_throughput.links.waiting import Waiter

    Socket = zmq.Socket[bytes]
    Context = zmq.Context[Socket]


logger = logging.getLogger("parsl_like.links")

UNACKNOWLEDGED_S = 10.0
"""What is sent and not acknowledged for so many seconds ends a connection; then another one is tried once a second.

Otherwise TCP itself tries again, in pauses that double: after a cut of 26 s it would be silent for another 25 s.
"""

TURN_PIECES = 8
"""Pieces that are taken or acknowledged before others have their turn."""

MOST_AT_ONCE = LARGE + 64 * 1024
"""What is larger, in bytes, ends a connection. ZeroMQ keeps so much of what comes before it knows who talks."""


class TcpChannel:
    """What both ends share.

    A large part is lent to the socket until it is sent. Lending starts pyzmq's own daemon thread, one for each process,
    which gives back what was lent and cannot be stopped safely while anybody in the process uses pyzmq.

    Args:
        socket: Belongs to the channel from now on.
        patient: Whether what is sent waits for a connection.
    """

    def __init__(self, socket: Socket, *, patient: bool = False) -> None:
        self._socket = socket
        self._routes = socket.type == zmq.ROUTER
        self._patient = patient
        self._known: set[bytes | None] = set()
        self._cutters: dict[bytes | None, pieces.Cutter] = {}
        self._gatherers: dict[bytes | None, pieces.Gatherer] = {}
        self._touched = True
        self._waiter: Waiter | None = None

    def watch(self, waiter: Waiter) -> None:
        """Let a waiter name this end whenever something has come."""
        # Its descriptor tells of changes only, and forgets them when the socket is used: ``has_more`` closes the gap.
        self._waiter = waiter
        waiter.add(int(self._socket.get(zmq.FD)), self)
        waiter.ask(self)

    def has_more(self) -> bool:
        """Whether something has come that the descriptor may not tell of."""
        if not self._touched:
            return False
        self._touched = False
        return bool(int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN)

    def send(self, frame: bytes, parts: Sequence[Any] = (), *, to: bytes | None = None) -> bool:
        """Hand over a message; False if nobody is connected (any more) to take it."""
        if len(frame) < LARGE and not (self._cutters and self._waits(to)):
            if not parts:
                return self._transmit([frame], to)
            if max(map(len, parts)) < LARGE:
                return self._transmit([frame, *parts], to)
        if not self._reaches(to):
            return False
        self._cutters.setdefault(to, pieces.Cutter()).put(frame, parts)
        self._go_on(to)
        return True

    def _waits(self, peer: bytes | None) -> bool:
        """Whether a large frame is on its way, on which what follows may build."""
        return peer in self._cutters and self._cutters[peer].has_large_frame()

    def _reaches(self, peer: bytes | None) -> bool:
        return peer in self._known if self._routes else self._patient or self.is_connected()

    def _go_on(self, peer: bytes | None) -> None:
        """Send the pieces that are due."""
        cutter = self._cutters.get(peer)
        if cutter is None:
            return
        for message in cutter.due():
            # If the connection has broken, they go out again over the next one.
            self._transmit(message, peer)
        if not cutter:
            del self._cutters[peer]

    def _transmit(self, message: Sequence[Any], to: bytes | None) -> bool:
        socket, self._touched = self._socket, True
        # First of all: who fails in the middle would leave half a message, to which the next one were added.
        contents = [part.content() if isinstance(part, Segment) else part for part in message]
        last = len(contents) - 1
        try:
            if to is not None:
                socket.send(to, zmq.NOBLOCK | zmq.SNDMORE)
            for index, content in enumerate(contents):
                more = zmq.SNDMORE if index < last else 0
                socket.send(content, zmq.NOBLOCK | more, copy=len(content) < BIG)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno == errno.EHOSTUNREACH:
                return False
            raise
        return True

    def receive(self) -> list[Any] | None:
        """The next message, None if there is none; its large parts stay where the socket has put them."""
        socket, self._touched = self._socket, True
        for _ in range(TURN_PIECES):
            # Asking first costs a third of an exception.
            if not int(socket.get(zmq.EVENTS)) & zmq.POLLIN:
                return None
            message: list[Any] = [socket.recv(zmq.NOBLOCK)]
            more = socket.get(zmq.RCVMORE)
            if more and self._routes:
                message.append(socket.recv(zmq.NOBLOCK))
                more = socket.get(zmq.RCVMORE)
            while more:
                part = socket.recv(zmq.NOBLOCK, copy=False)
                message.append(part)
                more = part.more
            if message[-1] == b"" and self._routes and len(message) == 2:
                self._opened(message[0])
            elif message[self._routes][:1] == pieces.MARK:
                whole = self._take_piece(message)
                if whole is None:
                    continue
                return whole
            return message
        if self._waiter is not None:
            self._waiter.again(self)  # pieces may come for seconds, and others have something to say, too
        return None

    def _opened(self, peer: bytes) -> None:
        """A peer has connected, perhaps again."""
        self._known.add(peer)
        self._gatherers.pop(peer, None)
        self._transmit([pieces.RESET], peer)
        if peer in self._cutters:
            self._cutters[peer].restart()
            self._go_on(peer)

    def _take_piece(self, message: list[Any]) -> list[Any] | None:
        """Keep what belongs to a large message; gives that when it is complete."""
        peer = message.pop(0) if self._routes else None
        gatherer = self._gatherers.setdefault(peer, pieces.Gatherer())
        frame = message[0]
        try:
            if pieces.is_piece(frame):
                self._transmit([gatherer.take(message)], peer)
            elif pieces.is_rest(frame):
                whole = gatherer.finish(message)
                return whole if peer is None else [peer, *whole]
            elif pieces.is_done(frame) and peer in self._cutters:
                self._cutters[peer].done(frame)
                self._go_on(peer)
            elif frame == pieces.RESET and peer is None:
                self._gatherers.clear()
                if peer in self._cutters:
                    self._cutters[peer].restart()
                    self._go_on(peer)
        except BadMessage as error:  # what follows a cut, as a rule: the other side begins again
            logger.debug("dropped a piece: %s", error)
        return None

    def is_connected(self) -> bool:
        """Whether somebody is there to take what is sent."""
        # A socket that sends to live connections only can send if and only if there is one.
        self._touched = True
        return bool(int(self._socket.get(zmq.EVENTS)) & zmq.POLLOUT)

    def keep_up(self, now: float) -> None:
        """The socket connects again by itself."""

    def deadline(self) -> float:
        """There is nothing to do."""
        return math.inf

    def close(self, linger_ms: int = 0) -> None:
        """Hang up; what is on its way may take so long to leave."""
        if self._socket.closed:
            return
        self._finish(time.monotonic() + linger_ms / 1000)
        if self._waiter is not None:
            self._waiter.remove(int(self._socket.get(zmq.FD)))
        self._socket.close(linger=linger_ms)

    def _finish(self, deadline: float) -> None:
        """Send the pieces that are left, as long as somebody acknowledges them."""
        while self._cutters and (left := deadline - time.monotonic()) > 0:
            if self._socket.poll(math.ceil(1000 * left)):
                self.receive()

    def partings(self) -> Sequence[Parting]:
        """None: between hosts, the end of a connection does not tell who is gone."""
        return ()

    def forget(self, peer: bytes) -> None:
        """Nothing more is to be sent to a peer."""
        self._cutters.pop(peer, None)
        self._gatherers.pop(peer, None)


class TcpListener(TcpChannel):
    """Where others connect to: a CurveZMQ server if links are encrypted. To be bound by :meth:`bind`.

    Args:
        context: Where the socket lives.
        link: Which of the two links it is.
        keys: The keys of the role that listens; None to let everybody in.
        peer: The role that connects: the domain in which an authenticator allows keys.
        threshold: Seconds of silence after which the other side counts as lost.

    Attributes:
        domain: Who connects to which link, in words.
    """

    def __init__(
        self,
        context: Context,
        link: Link = "data",
        keys: RoleKeys | None = None,
        peer: str = "",
        threshold: float = math.inf,
    ) -> None:
        socket = _socket(context, zmq.ROUTER, unacknowledged(threshold))
        socket.setsockopt(zmq.BACKLOG, 4096)  # the managers of a large block come all at once
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        if keys is not None:
            if keys.encrypted:
                socket.setsockopt(zmq.CURVE_SERVER, 1)
                socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
                socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
            else:
                socket.setsockopt(zmq.PLAIN_SERVER, 1)
            socket.setsockopt_string(zmq.ZAP_DOMAIN, peer)
            socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self.domain = f"{peer} {link}"
        self._encrypted = keys is not None and keys.encrypted
        super().__init__(socket)

    def refusals(self, context: Context) -> Refusals:
        """Counts who is refused here before showing any key."""
        return Refusals(context, self._socket, encrypted=self._encrypted)

    def bind(self, address: str, port: int | None = None, port_range: tuple[int, int] | None = None) -> str:
        """Bind to a port of an address and give the URL: to ``port``, else to one of the range, else to any free one.

        A listener that cannot be bound is closed.

        Args:
            address: A host name or number of this machine, ``*`` for all of them.
            port: The port, if there is just one.
            port_range: The first port to try and the last.

        Raises:
            ExecutorError: if none of the ports can be had; names the last reason.
        """
        try:
            return self._bind(_number_of(address), port, port_range)
        except OSError as error:
            self.close()
            asked = port or (f"{port_range[0]} to {port_range[1]}" if port_range else "any")
            raise ExecutorError(
                "htex",
                f"cannot listen on address {address}, port {asked}: {error}",
                hint="choose another address, port or port range, or see who holds the port (ss -ltnp).",
            ) from error

    def _bind(self, host: str, port: int | None, port_range: tuple[int, int] | None) -> str:
        socket = self._socket
        socket.setsockopt(zmq.IPV6, int(":" in host))
        shown = f"[{host}]" if ":" in host else host
        ports: Iterable[int | str] = [port] if port else _somewhere_in(*port_range) if port_range else ["*"]
        reason = OSError("the range is empty")
        for candidate in ports:
            try:
                socket.bind(f"tcp://{shown}:{candidate}")
            except zmq.ZMQError as error:
                reason = OSError(str(error))
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    break
            else:
                return str(socket.getsockopt_string(zmq.LAST_ENDPOINT))
        raise reason


def _somewhere_in(first: int, last: int) -> Iterator[int]:
    """All ports of a range, from any one of them on: the first ones are what everybody on this machine tries first."""
    count = last - first + 1
    begin = random.randrange(max(1, count))  # noqa: S311 - no secret hangs on it
    return (first + (begin + step) % count for step in range(count))


class TcpDialer(TcpChannel):
    """The side that connects, and again whenever the connection breaks, until it is closed.

    Every new connection announces itself by an empty message, and only a live one takes messages (:meth:`send` says
    False otherwise), so that both sides know after a cut that something may be missing.

    Args:
        context: Where the socket lives.
        url: Whom to connect to.
        identity: The name under which the other side knows this one.
        link: Which of the two links it is.
        keys: The keys of the role that connects; None to show none.
        peer: The role that listens.
        patient: Let what is sent wait for the connection.
        threshold: Seconds of silence after which the other side counts as lost.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        identity: bytes,
        *,
        link: Link = "data",
        keys: RoleKeys | None = None,
        peer: str = "",
        patient: bool = False,
        threshold: float = math.inf,
    ) -> None:
        socket = _socket(context, zmq.DEALER, unacknowledged(threshold))
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        socket.setsockopt(zmq.CONNECT_TIMEOUT, 5000)
        socket.setsockopt(zmq.ROUTING_ID, identity)
        socket.setsockopt(zmq.IMMEDIATE, int(not patient))
        socket.setsockopt(zmq.PROBE_ROUTER, 1)
        if keys is not None and keys.encrypted:
            socket.setsockopt(zmq.CURVE_SERVERKEY, keys.peers[peer])
            socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
            socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
        elif keys is not None:
            socket.setsockopt(zmq.PLAIN_USERNAME, keys.role.encode())
            socket.setsockopt(zmq.PLAIN_PASSWORD, keys.public)
        socket.setsockopt(zmq.IPV6, int("[" in url))
        socket.connect(url)
        super().__init__(socket, patient=patient)


def unacknowledged(threshold: float) -> float:
    """Seconds for which what was sent may go unacknowledged, where silence is allowed for ``threshold`` seconds."""
    return max(1.0, min(UNACKNOWLEDGED_S, threshold / 3))


def _socket(context: Context, kind: int, patience: float) -> Socket:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 500)
    # Credit bounds what is on the way; a high-water mark would make the sender wait or drop instead.
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MOST_AT_ONCE)
    socket.setsockopt(zmq.TCP_MAXRT, round(1000 * patience))
    socket.setsockopt(zmq.HANDSHAKE_IVL, 10_000)
    for option, value in (
        (zmq.TCP_KEEPALIVE, 1),
        (zmq.TCP_KEEPALIVE_IDLE, math.ceil(patience)),  # who only listens learns no sooner that the other has hung up
        (zmq.TCP_KEEPALIVE_INTVL, math.ceil(patience)),
        (zmq.TCP_KEEPALIVE_CNT, 3),
    ):
        socket.setsockopt(option, value)
    return socket


def _number_of(address: str) -> str:
    if address == "*":
        return "0.0.0.0"  # noqa: S104 - asked for by name
    try:
        return str(sockets.getaddrinfo(address.strip("[]"), None, type=sockets.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise OSError(f"it is not known here: {error}") from error
