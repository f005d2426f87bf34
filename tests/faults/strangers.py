"""People who have no business in a run: they come over TCP, with no key, a wrong one, or one of another role."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import zmq

from parsl_like.executors.high_throughput import protocol
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from parsl_like.executors.high_throughput.keys import RoleKeys

Peer = tuple[str, int]

HANDSHAKE_S = 10.0
"""Seconds after which a connection that says nothing is closed."""


def listening(pids: Sequence[int]) -> list[Peer]:
    """Where processes listen on TCP; an address that stands for all of them is replaced by the loopback's."""
    found = []
    for pid in pids:
        for connection in psutil.Process(pid).net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                host, port = connection.laddr
                found.append(("127.0.0.1" if host == "0.0.0.0" else host, port))
    return found


def doors(seconds: float = 30) -> dict[str, list[Peer]]:
    """Every port at which a process of the test's run listens, by who does; managers and workers at none."""
    processes.until(lambda: listening(processes.of("interchange")), seconds, "an interchange that listens")
    assert listening([*processes.of("manager"), *processes.of("worker")]) == []
    return {"interchange": listening(processes.of("interchange")), "driver": listening([os.getpid()])}


class Bomb:
    """Leaves a file wherever it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


def messages(bomb: Path) -> list[list[bytes]]:
    """What a stranger would say if he were let in: join, take tasks, submit some, report results, end it all."""
    load = pickle.dumps(Bomb(bomb))
    results = protocol.encode_results(b"stranger", 1, 9, [protocol.ResultItem(n << 16, 0, load) for n in range(50)])
    said: list[protocol.Message] = [
        protocol.Register(
            1, "run", b"stranger", "0", "host", 1, 64, 1000, 1, 1, [], "3.11.0", "0", {}, "tcp", 0.0, [], [], []
        ),
        protocol.Function(b"f" * 16, "f", load),
        protocol.Tasks([protocol.TaskItem(1 << 40, b"f" * 16, load)]),
        protocol.InterchangeReady(1, 1, 9, [], ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"], "3.11.0"),
        protocol.Cancel(list(range(0, 100 << 16, 1 << 16))),
        protocol.Lost(b"stranger", "host", "so there", [n << 16 for n in range(50)], []),
        protocol.Goodbye("so long"),
        protocol.Stop("I say so"),
    ]
    return [[protocol.encode(message)] for message in said] + [[results], [load], [b"", load], [load] * 9]


class ZeroMQ:
    """A stranger who speaks ZeroMQ, and as loud as he can."""

    def __init__(
        self, where: Peer, bomb: Path, prepare: Callable[[Any], object], identity: bytes = b"stranger"
    ) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDTIMEO, 0)
        self.socket.setsockopt(zmq.ROUTING_ID, identity)
        prepare(self.socket)
        self.socket.connect(f"tcp://{where[0]}:{where[1]}")
        with suppress(zmq.Again):  # he was thrown out before he had said all he wanted to
            for message in messages(bomb):
                self.socket.send_multipart(message)

    def answers(self, milliseconds: int = 300) -> list[bytes]:
        """What has been said to him."""
        found = []
        while self.socket.poll(milliseconds):
            found += self.socket.recv_multipart()
        return found

    def close(self) -> None:
        self.socket.close()
        self._context.term()


def with_nothing(_: Any) -> None:
    """The mechanism NULL."""


def with_password(socket: Any) -> None:
    socket.setsockopt(zmq.PLAIN_USERNAME, b"manager")
    socket.setsockopt(zmq.PLAIN_PASSWORD, b"password")


def with_keys(own: tuple[bytes, bytes], server: bytes) -> Callable[[Any], None]:
    def prepare(socket: Any) -> None:
        socket.setsockopt(zmq.CURVE_SERVERKEY, server)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, own[0])
        socket.setsockopt(zmq.CURVE_SECRETKEY, own[1])

    return prepare


def with_stolen(keys: RoleKeys, server: bytes) -> Callable[[Any], None]:
    """Keys of a role where they do not belong."""
    return with_keys((keys.public, keys.secret), server)


# --- those who do not speak ZeroMQ

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
NONSENSE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    "TLS": bytes.fromhex("16030100f0010000ec0303") + bytes(range(200)),
    "random bytes": bytes((n * 7919 + 13) % 251 for n in range(2000)),
    "an older ZeroMQ": b"\x01\x00\x01\x00" + b"hello",
    "a frame of 15 GiB": GREETING + b"\x06" + struct.pack(">Q", 15 << 30) + bytes(1 << 20),
    "a command that is none": GREETING + b"\x04\x05\x04NONE",
    "a short HELLO": GREETING + b"\x04\x07\x05HELLO\0",
}


def say(where: Peer, data: bytes, *, patience: float = 5.0) -> bytes:
    """Say something, and listen until the other side hangs up; gives what it said."""
    heard = b""
    with socket.create_connection(where, timeout=patience) as caller:
        with suppress(OSError):
            caller.sendall(data)
        with suppress(OSError):
            while chunk := caller.recv(65536):
                heard += chunk
    return heard


# --- those who listen in


class Proxy:
    """Stands between a client and whoever it wants to talk to, and keeps what the two say to each other.

    Args:
        connect: Makes a connection to that one.
        door: Where clients come, listening; None for a free port.
    """

    def __init__(self, connect: Callable[[], socket.socket], door: socket.socket | None = None) -> None:
        self._connect = connect
        self._door = door or socket.create_server(("127.0.0.1", 0))
        self.where: Any = self._door.getsockname()
        self.said: list[tuple[bytearray, bytearray]] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                try:
                    server = self._connect()
                except OSError:  # nobody listens there yet
                    client.close()
                    continue
                there, back = bytearray(), bytearray()
                self.said.append((there, back))
                self._open += [client, server]
                for ends in ((client, server, there), (server, client, back)):
                    self._threads.append(threading.Thread(target=self._carry, args=ends))
                    self._threads[-1].start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                kept += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for end in (self._door, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._door, *self._open):
            end.close()


class Impostor:
    """Says the same to everybody who comes, and listens until they hang up.

    Args:
        words: What it says.

    Attributes:
        callers: Whoever has come.
    """

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._door = socket.create_server(("127.0.0.1", 0))
        self.where: Peer = self._door.getsockname()
        self.callers: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._door.accept()
                self.callers.append(caller)
                self._threads.append(threading.Thread(target=self._talk, args=[caller]))
                self._threads[-1].start()

    def _talk(self, caller: socket.socket) -> None:
        with suppress(OSError):
            caller.sendall(self._words)
            while caller.recv(65536):
                pass

    def close(self) -> None:
        for end in (self._door, *self.callers):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._door, *self.callers):
            end.close()


@contextmanager
def proxies(*targets: Peer) -> Iterator[list[Proxy]]:
    made = [Proxy(partial(socket.create_connection, target)) for target in targets]
    try:
        yield made
    finally:
        for proxy in made:
            proxy.close()


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at the moment, outside of the ranges that runs choose from."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [door.getsockname()[1] for door in held]
    for door in held:
        door.close()
    return ports
