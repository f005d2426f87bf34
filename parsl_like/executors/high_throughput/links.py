"""The links between driver, interchange and managers: how their sockets are set up, and how messages go through them.

The driver binds one socket for data and one for control, the interchange connects to both. The interchange binds two
more for managers, on unix sockets and on TCP. Unix sockets live in a directory that only their user can enter; TCP is
encrypted and authenticated by CurveZMQ (RFC 26, https://rfc.zeromq.org/spec/26/) with one key pair per role.
"""

from __future__ import annotations

import errno
import socket as sockets
from typing import TYPE_CHECKING, Any, Literal

import zmq

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput.keys import PEERS, RoleKeys, create_keys, load_keys, manager_key_file
from parsl_like.executors.high_throughput.places import host_identity, socket_directory
from parsl_like.executors.high_throughput.protocol import MAX_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Socket = zmq.Socket[bytes]
    Context = zmq.Context[Socket]
    Part = bytes | memoryview | zmq.Frame

__all__ = [
    "MAX_BODY",
    "PEERS",
    "RoleKeys",
    "bind_tcp",
    "connect",
    "create_keys",
    "host_identity",
    "listen",
    "load_keys",
    "manager_key_file",
    "receive",
    "send",
    "socket_directory",
]

Link = Literal["data", "control"]

COPIED_BELOW = 64 * 1024
"""Parts smaller than this, in bytes, are copied into a message; larger ones are lent to it until they are sent.

Lending starts pyzmq's own daemon thread, one for each process, which gives back what was lent and cannot be stopped
safely while anybody in the process uses pyzmq.
"""

MAX_BODY = 16 * 1024**3
"""A part of a data message larger than this, in bytes, ends the connection it came on."""


def listen(
    context: Context,
    kind: int,
    *,
    url: str | None = None,
    link: Link = "data",
    keys: RoleKeys | None = None,
    peer: str = "",
) -> Socket:
    """A socket that others connect to: bound to ``url``, or ready for :func:`bind_tcp` when that is None.

    With ``keys`` it is a CurveZMQ server that takes nobody before an ``Authenticator`` in the same context has allowed
    their key in the domain ``peer``; without an authenticator it takes nobody at all. Leave ``keys`` away for ``ipc:``.

    Args:
        context: Where the socket lives.
        kind: ``zmq.ROUTER``, or ``zmq.DEALER`` where there is one peer.
        url: Where to listen, like ``ipc:///run/user/1000/pl-x/data``.
        link: Which of the two links it is, which sets how large its messages may be.
        keys: The keys of the role that listens.
        peer: The role that connects.
    """
    socket = _socket(context, kind, link)
    socket.setsockopt(zmq.BACKLOG, 4096)  # the managers of a large block come all at once
    if kind == zmq.ROUTER:
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    if keys is not None:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
        socket.setsockopt_string(zmq.ZAP_DOMAIN, peer)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    if url is not None:
        _bind(socket, url)
    return socket


def connect(
    context: Context,
    kind: int,
    url: str,
    *,
    link: Link = "data",
    keys: RoleKeys | None = None,
    peer: str = "",
    identity: bytes | None = None,
) -> Socket:
    """A socket that connects to ``url``, and again whenever the connection breaks, until it is closed.

    With an ``identity`` (managers) every new connection announces itself by an empty message and only a live one takes
    messages (:func:`send` says False otherwise), so that both sides know after a cut that something may be missing.
    Without (the interchange towards the driver) what is sent waits for the connection.

    Args:
        context: Where the socket lives.
        kind: ``zmq.DEALER``.
        url: Whom to connect to; ``keys`` are not used for ``ipc:``.
        link: Which of the two links it is, which sets how large its messages may be.
        keys: The keys of the role that connects.
        peer: The role that listens.
        identity: The name a ROUTER on the other side knows this socket by.
    """
    socket = _socket(context, kind, link)
    socket.setsockopt(zmq.RECONNECT_IVL, 20)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, 5000)
    if identity is not None:
        socket.setsockopt(zmq.ROUTING_ID, identity)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.PROBE_ROUTER, 1)
    if keys is not None and not url.startswith("ipc:"):
        socket.setsockopt(zmq.CURVE_SERVERKEY, keys.peers[peer])
        socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
    socket.setsockopt(zmq.IPV6, int("[" in url))
    socket.connect(url)
    return socket


def bind_tcp(socket: Socket, address: str, port: int | None = None, port_range: tuple[int, int] | None = None) -> str:
    """Bind to a port of an address and give the URL: to ``port``, else to one of the range, else to any free one.

    A socket that cannot be bound is closed.

    Args:
        socket: A socket from :func:`listen` with no ``url``.
        address: A host name or number of this machine, ``*`` for all of them.
        port: The port, if there is just one.
        port_range: The first port to try and the last.

    Raises:
        ExecutorError: if none of the ports can be had; names the last reason.
    """
    try:
        host = _number_of(address)
    except ExecutorError:
        socket.close(linger=0)
        raise
    socket.setsockopt(zmq.IPV6, int(":" in host))
    shown = f"[{host}]" if ":" in host else host
    ports: Iterable[int | str] = [port] if port else range(port_range[0], port_range[1] + 1) if port_range else ["*"]
    reason = "the range is empty"
    for candidate in ports:
        try:
            socket.bind(f"tcp://{shown}:{candidate}")
        except zmq.ZMQError as error:
            reason = str(error)
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                break
        else:
            return str(socket.getsockopt_string(zmq.LAST_ENDPOINT))
    socket.close(linger=0)
    asked = port or (f"{port_range[0]} to {port_range[1]}" if port_range else "any")
    raise ExecutorError(
        "htex",
        f"cannot listen on address {address}, port {asked}: {reason}",
        hint="choose another address, port or port range, or see who holds the port (ss -ltnp).",
    )


def send(socket: Socket, frame: Part, buffers: Sequence[Part] = (), *, to: bytes | None = None) -> bool:
    """Hand a message to a socket without waiting; False if nobody is connected (any more) to take it.

    Args:
        socket: Any socket of this module.
        frame: The message, encoded.
        buffers: What follows it out of band; must not change until sent.
        to: The peer's identity, for a ROUTER.
    """
    last = len(buffers) - 1
    try:
        if to is not None:
            socket.send(to, zmq.NOBLOCK | zmq.SNDMORE)
        _send_part(socket, frame, zmq.NOBLOCK | (zmq.SNDMORE if buffers else 0))
        for index, part in enumerate(buffers):
            _send_part(socket, part, zmq.NOBLOCK | (zmq.SNDMORE if index < last else 0))
    except zmq.Again:
        return False
    except zmq.ZMQError as error:
        if error.errno == errno.EHOSTUNREACH:
            return False
        raise
    return True


def receive(socket: Socket) -> list[Any] | None:
    """The parts of the next message without waiting, None if there is none.

    A ROUTER's begin with the sender's identity. Then comes the message's frame (bytes; empty when a connection
    announces itself), then its buffers, which stay where the socket put them (``zmq.Frame``).
    """
    # Asking first costs a third of an exception.
    if not int(socket.get(zmq.EVENTS)) & zmq.POLLIN:
        return None
    parts: list[Any] = [socket.recv(zmq.NOBLOCK)]
    more = socket.get(zmq.RCVMORE)
    if more and socket.type == zmq.ROUTER:
        parts.append(socket.recv(zmq.NOBLOCK))
        more = socket.get(zmq.RCVMORE)
    while more:
        part = socket.recv(zmq.NOBLOCK, copy=False)
        parts.append(part)
        more = part.more
    return parts


def _socket(context: Context, kind: int, link: Link) -> Socket:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 500)
    # Credit bounds what is on the way; a high-water mark would make the sender wait or drop instead.
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME if link == "control" else MAX_BODY)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 10_000)
    for option, value in (
        (zmq.TCP_KEEPALIVE, 1),
        (zmq.TCP_KEEPALIVE_IDLE, 30),
        (zmq.TCP_KEEPALIVE_INTVL, 10),
        (zmq.TCP_KEEPALIVE_CNT, 3),
    ):
        socket.setsockopt(option, value)
    return socket


def _bind(socket: Socket, url: str) -> None:
    socket.setsockopt(zmq.IPV6, int("[" in url))
    try:
        socket.bind(url)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        raise ExecutorError("htex", f"cannot listen on {url}: {error}") from error


def _number_of(address: str) -> str:
    if address == "*":
        return "0.0.0.0"  # noqa: S104 - asked for by name
    try:
        return str(sockets.getaddrinfo(address.strip("[]"), None, type=sockets.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise ExecutorError("htex", f"the address {address!r} is not known here: {error}") from error


def _send_part(socket: Socket, part: Part, flags: int) -> None:
    size = part.nbytes if isinstance(part, memoryview) else len(part)
    socket.send(part, flags, copy=size < COPIED_BELOW)
