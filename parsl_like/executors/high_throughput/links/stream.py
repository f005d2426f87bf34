"""One connection between two processes of a host: a unix socket that carries messages and passes segments."""

from __future__ import annotations

import array
import contextlib
import errno
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.links.framing import HEAD, MOST_DESCRIPTORS, Assembler, head_of
from parsl_like.executors.high_throughput.links.port import BIG, MAX_BODY
from parsl_like.executors.high_throughput.protocol import MOST_BYTES
from parsl_like.serialize.segments import Segment, is_affordable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHUNK = 64 * 1024
"""Bytes that are read at once."""

_WRITEV_PARTS = 512
_ANCILLARY = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
_RECEIVE = int(socket.MSG_DONTWAIT | getattr(socket, "MSG_CMSG_CLOEXEC", 0))
_SEND = int(socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0))
_CUT_OFF = int(socket.MSG_CTRUNC)
_TOO_MANY = (errno.ETOOMANYREFS, errno.EMFILE, errno.ENFILE)


class Stream:
    """A connected socket. Nothing waits: what the socket does not take at once is kept and sent later.

    Args:
        connected: The socket; belongs to the stream from now on.
        want_writing: Told whether :meth:`flush` is to be called when the socket takes something again.
        greeted: Whether the other side is known; else it may not say much before it has greeted.

    Attributes:
        broken: Whether the other side has hung up or the connection is of no more use.
    """

    def __init__(self, connected: socket.socket, want_writing: Callable[[bool], None], *, greeted: bool = True) -> None:
        self._socket = connected
        self._want_writing = want_writing
        self._assembler = Assembler(MOST_BYTES, MAX_BODY, greeted=greeted)
        self._messages: deque[list[Any]] = deque()
        self._empty = False
        self._outgoing: deque[_Outgoing] = deque()
        self.broken = False

    def fileno(self) -> int:
        """What to poll."""
        return self._socket.fileno()

    # --- out

    def send(self, frame: bytes, parts: Sequence[Any] = ()) -> bool:
        """Hand over a message; False if the other side is gone."""
        if self.broken:
            return False
        if self._outgoing or parts or len(frame) > CHUNK:
            self._outgoing.append(_Outgoing(frame, [_passable(part) for part in parts]))
            return True if len(self._outgoing) > 1 else self.flush()
        data = HEAD.pack(len(frame), 0) + frame
        try:
            sent = self._socket.send(data, _SEND)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.broken = True
            return False
        if sent < len(data):
            self._outgoing.append(_Outgoing.rest(data[sent:]))
            self._want_writing(True)
        return True

    def flush(self) -> bool:
        """Send what has been kept, as much as the socket takes; False if the other side is gone."""
        try:
            while self._outgoing:
                self._outgoing[0].send_some(self._socket)
                if self._outgoing[0].is_sent():
                    self._outgoing.popleft()
        except BlockingIOError:
            self._want_writing(True)
            return True
        except OSError:
            self.broken = True
            self._outgoing.clear()
            return False
        self._want_writing(False)
        return True

    # --- in

    def receive(self) -> list[Any] | None:
        """The frame and the parts of the next message, None if there is none at present.

        Raises:
            BadMessage: if what comes cannot be read; the connection is broken then.
        """
        while not self._messages:
            if self._empty and not self.broken:
                self._empty = False
                return None
            try:
                data, ancillary, flags, _ = self._socket.recvmsg(CHUNK, _ANCILLARY, _RECEIVE)
            except BlockingIOError:
                return None
            except OSError:
                data = b""
            if not data:
                self.broken = True
                return None
            self._assemble(data, descriptors(ancillary) if ancillary else (), flags)
            self._empty = len(data) < CHUNK and not ancillary  # then there was no more (descriptors end a read early)
        return self._messages.popleft()

    def _assemble(self, data: bytes, passed: Sequence[int], flags: int) -> None:
        try:
            self._messages.extend(self._assembler.take(data, passed))
            if flags & _CUT_OFF:
                raise BadMessage("the descriptors of its parts were lost: too many open files")
        except (BadMessage, ValueError, OSError) as error:
            self.broken = True
            self._messages.clear()
            if isinstance(error, BadMessage):
                raise
            raise BadMessage(str(error)) from error

    # --- the end

    def close(self, linger_ms: int = 0) -> None:
        """Hang up; what has been kept may take so long to leave."""
        if self._outgoing and linger_ms and not self.broken:
            self._linger(time.monotonic() + linger_ms / 1000)
        self._assembler.discard()
        self._outgoing.clear()
        self._messages.clear()
        self._socket.close()
        self.broken = True

    def _linger(self, deadline: float) -> None:
        import select

        self._want_writing = _nobody_cares
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        while self._outgoing and self.flush() and (left := deadline - time.monotonic()) > 0:
            poll.poll(1000 * left)


class _Outgoing:
    """A message on its way out, or what is left of it."""

    __slots__ = ("_frame", "_parts", "_passed", "_views")

    def __init__(self, frame: bytes, parts: list[Any]) -> None:
        self._frame = frame
        self._parts = parts
        self._passed = MOST_DESCRIPTORS
        self._views: list[memoryview] | None = None

    @classmethod
    def rest(cls, data: bytes) -> _Outgoing:
        """What is left of a message without parts."""
        outgoing = cls(b"", [])
        outgoing._views = [memoryview(data)]
        return outgoing

    def is_sent(self) -> bool:
        """Whether nothing is left."""
        return self._views == []

    def send_some(self, out: socket.socket) -> None:
        """Send as much as goes.

        Raises:
            OSError: if nothing does.
        """
        if self._views is None:
            self._begin(out)
        else:
            self._shorten(out.sendmsg(self._views[:_WRITEV_PARTS], [], _SEND))

    def _begin(self, out: socket.socket) -> None:
        segments = [part for part in self._parts if isinstance(part, Segment)][: self._passed]
        views = [memoryview(head_of(self._frame, self._parts, len(segments))), memoryview(self._frame)]
        ancillary: list[Any] = []
        if segments:
            passed = array.array("i", [segment.descriptor for segment in segments])
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)]
        left = len(segments)
        for part in self._parts:
            if not isinstance(part, Segment):
                views.append(memoryview(getattr(part, "buffer", part)).cast("B"))
            elif left:
                left -= 1
            else:
                views.append(part.content())
        try:
            sent = out.sendmsg(views[:_WRITEV_PARTS], ancillary, _SEND)
        except OSError as error:
            if not self._passed or error.errno not in _TOO_MANY:
                raise
            self._passed = 0  # too many descriptors are on their way in this system: as bytes, then
            return
        self._views = views
        self._shorten(sent)

    def _shorten(self, sent: int) -> None:
        views = self._views or []
        index = 0
        while index < len(views) and sent >= len(views[index]):
            sent -= len(views[index])
            index += 1
        del views[:index]
        if sent:
            views[0] = views[0][sent:]
        if not views:
            self._parts.clear()


def descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> array.array[int]:
    """The descriptors that came beside some data."""
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found


def _passable(part: Any) -> Any:
    """A part as a segment if it is large, so that it is copied once and not once per process."""
    if isinstance(part, Segment) or len(part) < BIG:
        return part
    with contextlib.suppress(OSError):
        segment = Segment.holding([getattr(part, "buffer", part)])
        if is_affordable(segment.descriptor):
            return segment
    return part


def _nobody_cares(_wanted: bool) -> None:
    pass
