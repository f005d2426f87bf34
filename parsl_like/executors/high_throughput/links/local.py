"""Links between processes of one host: unix sockets in a directory that only their user can enter."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import socket
import struct
import time
from collections import deque
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from parsl_like.errors import BadMessage, ExecutorError
from parsl_like.executors.high_throughput.links.port import Parting
from parsl_like.executors.high_throughput.links.stream import Stream
from parsl_like.executors.high_throughput.links.waiting import WRITE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.executors.high_throughput.links.waiting import Waiter

logger = logging.getLogger("parsl_like.links")

SCHEME = "ipc://"
GREETING = b"parsl_like link 1 "
"""What every connection begins with, followed by the identity of whoever connects."""

GREETING_S = 10.0
"""Seconds a connection has to greet, as soon as somebody else connects."""

MOST_SILENT = 256
"""Connections that have not greeted; of more, the one that has been silent for longest is closed."""

MOST_PARTINGS = 10_000
"""How many connections that ended are remembered for whoever asks."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
"""Seconds between two tries to connect."""


class LocalListener:
    """Where others connect to. Knows each peer by its identity; who connects again takes its own place.

    Args:
        url: ``ipc://`` and the path of the socket.

    Raises:
        ExecutorError: if it cannot be bound.
    """

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix(SCHEME)
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._door.bind(self._path)
            self._door.listen(4096)  # the managers of a large block come all at once
            self._spare: int | None = _spare()
        except OSError as error:
            self._door.close()
            raise ExecutorError("htex", f"cannot listen on {url}: {error}") from error
        self._door.setblocking(False)
        self._peers: dict[bytes, _Peer] = {}
        self._all: set[_Peer] = set()
        self._ready: deque[_Peer] = deque()
        self._silent: dict[_Peer, float] = {}
        self._partings: deque[Parting] = deque(maxlen=MOST_PARTINGS)
        self._waiter: Waiter | None = None

    def watch(self, waiter: Waiter) -> None:
        """Let a waiter name this listener whenever something has come."""
        self._waiter = waiter
        waiter.add(self._door.fileno(), self, self._accept)
        for peer in self._all:
            waiter.add(peer.stream.fileno(), self, partial(self._note, peer))
            if peer.writing:
                waiter.watch_writing(peer.stream.fileno(), wanted=True)

    def send(self, frame: bytes, parts: Sequence[Any] = (), *, to: bytes | None = None) -> bool:
        """Hand a message to a peer; False if it is not there (any more)."""
        peer = self._peers.get(to or b"")
        return peer is not None and peer.stream.send(frame, parts)

    def receive(self) -> list[Any] | None:
        """Identity, frame and parts of the next message, None if there is none at present."""
        while self._ready:
            peer, why = self._ready[0], ""
            try:
                message = peer.stream.receive()
                if message is not None:
                    self._ready.rotate(-1)  # the next turn is another's
                    return [peer.identity, *message] if peer.identity else self._greet(peer, message)
            except BadMessage as error:
                why = str(error)
                logger.warning("a connection to %s is closed: %s", self._path, why)
            self._unlist(peer)
            if peer.stream.broken:
                if why or self._peers.get(peer.identity) is peer:
                    self._partings.append(Parting(peer.identity, peer.process, why))
                self._drop(peer)
        return None

    def partings(self) -> Sequence[Parting]:
        """The connections that have ended since the last call, but for those that were made again."""
        if not self._partings:
            return ()
        found = [parting for parting in self._partings if parting.reason or parting.identity not in self._peers]
        self._partings.clear()
        return found

    def forget(self, peer: bytes) -> None:
        """There is nothing to do: what waits goes with the connection."""

    def is_connected(self) -> bool:
        """Whether anybody is there."""
        return bool(self._peers)

    def keep_up(self, now: float) -> None:
        """There is nothing to do."""

    def deadline(self) -> float:
        """There is nothing to do."""
        return math.inf

    def close(self, linger_ms: int = 0) -> None:
        """Hang up on everybody, and listen no longer."""
        if self._waiter is not None and self._door.fileno() >= 0:
            self._waiter.remove(self._door.fileno())
        deadline = time.monotonic() + linger_ms / 1000
        for peer in list(self._all):
            self._drop(peer, max(0, round(1000 * (deadline - time.monotonic()))))
        if self._door.fileno() >= 0:
            if self._spare is not None:
                os.close(self._spare)
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        self._door.close()

    # --- connections

    def _accept(self, _mask: int) -> bool:
        while self._has_room():
            try:
                connected, _ = self._door.accept()
            except BlockingIOError:
                return bool(self._ready)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    logger.warning("a connection to %s failed: %s", self._path, error)
                    return bool(self._ready)
                if not self._refuse_one():
                    return bool(self._ready)
                continue
            process, user = _other_end(connected)
            if user not in (None, 0, os.geteuid()):
                why = f"it comes from another user ({user})"
                logger.warning("a connection to %s is closed: %s", self._path, why)
                self._partings.append(Parting(b"", process, why))
                connected.close()
                continue
            self._take(connected, process)
        return bool(self._ready)

    def _has_room(self) -> bool:
        """Close connections that do not greet, if there are too many; False if nobody else can be heard before them."""
        now = time.monotonic()
        for peer in list(islice(self._silent, max(0, 1 + len(self._silent) - MOST_SILENT))):
            if peer.listed:  # it has something to say, and will be heard now
                return False
            self._hush(peer)
        for peer, since in list(self._silent.items()):
            if now - since < GREETING_S or peer.listed:
                break
            self._hush(peer)
        return True

    def _hush(self, peer: _Peer) -> None:
        why = "it does not greet"
        logger.warning("a connection to %s is closed: %s", self._path, why)
        self._partings.append(Parting(b"", peer.process, why))
        self._drop(peer)

    def _take(self, connected: socket.socket, process: int) -> None:
        peer = _Peer()
        peer.process = process
        peer.stream = Stream(connected, partial(self._want_writing, peer), greeted=False)
        self._all.add(peer)
        self._silent[peer] = time.monotonic()
        if self._waiter is not None:
            self._waiter.add(connected.fileno(), self, partial(self._note, peer))
        self._list(peer)

    def _refuse_one(self) -> bool:
        """With no descriptor left whoever knocks would be heard for ever: a spare one is there to turn them away.

        False if nobody was there, which the system does not say then.
        """
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        try:
            connected, _ = self._door.accept()
            connected.close()
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):  # another thread has taken its place
                self._spare = _spare()
        logger.warning("a connection to %s is refused: too many open files", self._path)
        return True

    def _note(self, peer: _Peer, mask: int) -> bool:
        if mask & WRITE:
            peer.stream.flush()
        self._list(peer)
        return True

    def _list(self, peer: _Peer) -> None:
        if not peer.listed:
            peer.listed = True
            self._ready.append(peer)

    def _unlist(self, peer: _Peer) -> None:
        if peer.listed:
            peer.listed = False
            self._ready.remove(peer)

    def _greet(self, peer: _Peer, message: list[Any]) -> list[Any]:
        greeting = message[0]
        identity = greeting.removeprefix(GREETING)
        if len(message) > 1 or not identity or identity == greeting:
            peer.stream.broken = True
            raise BadMessage("it does not begin with a greeting")
        peer.identity = identity
        self._silent.pop(peer, None)
        if (before := self._peers.get(identity)) is not None:
            self._drop(before)
        self._peers[identity] = peer
        return [identity, b""]

    def _drop(self, peer: _Peer, linger_ms: int = 0) -> None:
        if self._peers.get(peer.identity) is peer:
            del self._peers[peer.identity]
        self._all.discard(peer)
        self._silent.pop(peer, None)
        self._unlist(peer)
        if self._waiter is not None:
            self._waiter.remove(peer.stream.fileno())
        peer.stream.close(linger_ms)

    def _want_writing(self, peer: _Peer, wanted: bool) -> None:
        if wanted != peer.writing:
            peer.writing = wanted
            if self._waiter is not None:
                self._waiter.watch_writing(peer.stream.fileno(), wanted)


class _Peer:
    """A connection that somebody has made."""

    __slots__ = ("identity", "listed", "process", "stream", "writing")

    def __init__(self) -> None:
        self.stream: Stream
        self.identity = b""
        self.process = 0
        self.listed = False
        self.writing = False


class LocalDialer:
    """The side that connects, and again whenever the connection breaks, until it is closed.

    Every new connection announces itself, and only a live one takes messages, so that both sides know after a cut that
    something may be missing.

    Args:
        url: ``ipc://`` and the path of the socket.
        identity: The name under which the other side knows this one.
    """

    def __init__(self, url: str, identity: bytes) -> None:
        self._path = url.removeprefix(SCHEME)
        self._identity = identity
        self._stream: Stream | None = None
        self._waiter: Waiter | None = None
        self._writing = False
        self._pause = FIRST_PAUSE_S
        self._try_at = -math.inf
        self._closed = False
        self.keep_up(time.monotonic())

    def watch(self, waiter: Waiter) -> None:
        """Let a waiter name this end whenever something has come."""
        self._waiter = waiter
        if self._stream is not None:
            waiter.add(self._stream.fileno(), self, self._note)
            if self._writing:
                waiter.watch_writing(self._stream.fileno(), wanted=True)

    def send(self, frame: bytes, parts: Sequence[Any] = (), *, to: bytes | None = None) -> bool:
        """Hand over a message; False if there is no connection."""
        return self._stream is not None and self._stream.send(frame, parts)

    def receive(self) -> list[Any] | None:
        """The frame and the parts of the next message, None if there is none at present."""
        if self._stream is None:
            return None
        try:
            message = self._stream.receive()
        except BadMessage as error:
            logger.warning("the connection to %s is closed: %s", self._path, error)
            message = None
        if message is not None:
            self._pause = FIRST_PAUSE_S
        elif self._stream.broken:
            self._hang_up(0)
        return message

    def forget(self, peer: bytes) -> None:
        """There is nothing to do."""

    def partings(self) -> Sequence[Parting]:
        """None: who connects does so again."""
        return ()

    def is_connected(self) -> bool:
        """Whether the connection stands."""
        return self._stream is not None and not self._stream.broken

    def keep_up(self, now: float) -> None:
        """Connect if that is due."""
        if self._stream is not None or self._closed or now < self._try_at:
            return
        connected = _connected(self._path)
        if connected is None:
            self._pause_from(now)
            return
        self._stream = Stream(connected, self._want_writing)
        if self._waiter is not None:
            self._waiter.add(connected.fileno(), self, self._note)
        self._stream.send(GREETING + self._identity)

    def deadline(self) -> float:
        """When to try to connect again, in monotonic seconds; infinity while the connection stands."""
        return math.inf if self._stream is not None or self._closed else self._try_at

    def close(self, linger_ms: int = 0) -> None:
        """Hang up; what is on its way may take so long to leave."""
        self._closed = True
        self._hang_up(linger_ms)

    def _hang_up(self, linger_ms: int) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if self._waiter is not None:
            self._waiter.remove(stream.fileno())
        stream.close(linger_ms)
        self._writing = False
        self._pause_from(time.monotonic())

    def _pause_from(self, now: float) -> None:
        """Each time longer, until the other side says something: it may take connections only to break them."""
        self._try_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S)

    def _note(self, mask: int) -> bool:
        if mask & WRITE and self._stream is not None:
            self._stream.flush()
        return True

    def _want_writing(self, wanted: bool) -> None:
        if self._stream is not None and wanted != self._writing:
            self._writing = wanted
            if self._waiter is not None:
                self._waiter.watch_writing(self._stream.fileno(), wanted)


def _connected(path: str) -> socket.socket | None:
    """A connection; None if nobody listens there (any more), or not yet, or if there is no descriptor for it."""
    try:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError:
        return None
    connecting.setblocking(False)
    try:
        connecting.connect(path)
    except OSError:
        connecting.close()
        return None
    return connecting


def _spare() -> int:
    """A descriptor kept for bad times."""
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _other_end(connected: socket.socket) -> tuple[int, int | None]:
    """The process that has connected, and its user (``man 7 unix``, SO_PEERCRED); 0 and None if that is not told."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0, None
    process, user, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return process, user
