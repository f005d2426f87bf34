"""The link between a manager and one worker: a pair of unix sockets on which each attempt is one packet.

The manager keeps a second descriptor of the worker's end. Reading from that takes back what the worker has not read
yet, and the kernel gives each packet to one reader only: so an attempt is either in the worker's hands or in the
manager's, also while both read, and also after the worker has died.

What is larger than a packet travels in a segment of shared memory whose descriptor is sent along, and which the manager
passes on without looking into it. Where the kernel lets no more descriptors be on their way, the worker is told where
to open it. A result's packet holds the very bytes of a ``protocol.ResultItem`` likewise.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import time
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.serialize.segments import Segment, received

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.serialize.segments import Bytes

INLINE = 32 * 1024
"""The largest body, in bytes, that travels in a packet; a larger one travels as the first buffer of a segment."""

BUFFER = 4 * 1024 * 1024
"""Bytes that are asked of the kernel for packets on their way to one worker."""

PATIENCE_S = 60.0
"""How long a worker waits while no more descriptors may be on their way: those of all links of a user count."""

READY = -1
"""Stands in the place of an attempt in the packet that says that a worker is ready."""

NEWS = -2
"""The same in a packet that ends no attempt: one has something to say."""

NEWS_OUTCOME = 3
"""``protocol.OUTCOME_NEWS``, which a worker does not import."""

_MARK = 0x9E3779B97F4A7C15  # what a task writes that has found the pipe among its descriptors does not have it
_REFUSED = (1 << 64) - 1  # instead of a size: the body says why the attempt cannot be run
_LENT = 40  # the bits above these, instead of 0: one more than the segment's descriptor in the manager
_PACKET = INLINE + 4096
# Plain numbers: the members of an enumeration take 1.5 us to be put together.
_CLOEXEC = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))
_AT_ONCE = int(socket.MSG_DONTWAIT) | _CLOEXEC
_ANCILLARY = socket.CMSG_SPACE(array.array("i").itemsize)
_TASK = Struct("<qQI16sQ")  # attempt, where the function begins, its length, its hash, size of its segment or 0
_RESULT = Struct("<qdQQ")  # attempt, seconds it took, size of its segment or 0, the mark
_ITEM_HEAD = Struct(">BBQBBI")  # msgpack: array of 7, uint64 attempt, outcome, bin32 body
_ITEM_TAIL = Struct(">BIBdBdBI")  # msgpack: uint32 buffers, float64 started, float64 ended, uint32 worker


class TaskPacket(NamedTuple):
    """An attempt as a worker receives it.

    Attributes:
        attempt: Its identity.
        function_start: Where its function begins.
        function_length: How long that is, in bytes.
        function: The function's hash.
        body: The packed call.
        buffers: What came beside it.
        error: Why body and buffers cannot be had; None if they are there.
    """

    attempt: int
    function_start: int
    function_length: int
    function: bytes
    body: memoryview
    buffers: Sequence[memoryview]
    error: Exception | None


class ResultPacket(NamedTuple):
    """A result as the manager receives it.

    Attributes:
        attempt: Its identity.
        seconds: How long it took.
        item: An encoded ``ResultItem``; empty if its segment was lost on the way.
        segment: What lies beside it, if anything does.
    """

    attempt: int
    seconds: float
    item: bytes
    segment: Segment | bytearray | None


class Parcel(NamedTuple):
    """An attempt ready to be sent, or taken back."""

    attempt: int
    packet: bytes
    segment: Segment | None = None


def pack_task(
    attempt: int, function: bytes, place: tuple[int, int], body: bytes, segment: Segment | None = None
) -> Parcel:
    """An attempt as a parcel.

    Args:
        attempt: Its identity.
        function: The function's hash.
        place: Where the function begins and how long it is (``Shelf.place``).
        body: The packed call, empty if it is the first buffer of the segment.
        segment: What lies beside it.

    Raises:
        OSError: if there is no room for a large body.
    """
    if len(body) > INLINE:
        body, segment = b"", Segment.written([body] if segment is None else [body, *segment.buffers()], share=1)
    header = _TASK.pack(attempt, *place, function, segment.size if segment is not None else 0)
    return Parcel(attempt, header + body, segment)


def pack_refusal(attempt: int, reason: str) -> Parcel:
    """In an attempt's place, the reason why it cannot be sent; its worker reports that as the attempt's failure."""
    return Parcel(attempt, _TASK.pack(attempt, 0, 0, b"", _REFUSED) + reason.encode()[:INLINE])


def encode_item(
    attempt: int, outcome: int, body: bytes, buffers: int, started: float, ended: float, worker: int
) -> bytes:
    """What ``msgspec.msgpack.encode(ResultItem(...))`` gives, or an equivalent, without importing msgspec."""
    return b"".join(
        (
            _ITEM_HEAD.pack(0x97, 0xCF, attempt, outcome, 0xC6, len(body)),
            body,
            _ITEM_TAIL.pack(0xCE, buffers, 0xCB, started, 0xCB, ended, 0xCE, worker),
        )
    )


class WorkerEnd:
    """The worker's side; everything waits as long as it takes.

    Args:
        descriptor: The inherited socket.
        worker: The worker's number.
    """

    def __init__(self, descriptor: int, worker: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._worker = worker
        self._lender: int | None = None

    def send_ready(self) -> None:
        """Say that tasks can come."""
        self._socket.sendall(_RESULT.pack(READY, 0.0, 0, _MARK))

    def receive(self, meanwhile: Callable[[], object] = bool) -> TaskPacket | None:
        """The next attempt; None once the manager has closed its end or is gone.

        Args:
            meanwhile: Called if there is none yet, before it is waited for.

        Raises:
            OSError: if the socket was closed, by a task for instance.
        """
        try:
            packet, ancillary, _, _ = self._socket.recvmsg(_PACKET, _ANCILLARY, _AT_ONCE)
        except BlockingIOError:
            meanwhile()
            return self._wait()
        except ConnectionResetError:
            return None
        return self._unpacked(packet, ancillary)

    def _wait(self) -> TaskPacket | None:
        try:
            packet, ancillary, _, _ = self._socket.recvmsg(_PACKET, _ANCILLARY, _CLOEXEC)
        except ConnectionResetError:
            return None
        return self._unpacked(packet, ancillary)

    def _unpacked(self, packet: bytes, ancillary: Sequence[tuple[int, int, bytes]]) -> TaskPacket | None:
        if not packet:
            return None
        if len(packet) < _TASK.size:
            raise OSError(errno.EBADMSG, f"a packet of {len(packet)} bytes came over the pipe, which is no task")
        attempt, start, length, function, size = _TASK.unpack_from(packet)
        body = memoryview(packet)[_TASK.size :]
        if not size:
            return TaskPacket(attempt, start, length, function, body, (), None)
        if size == _REFUSED:
            return TaskPacket(attempt, start, length, function, body, (), OSError(str(body, "utf-8", "replace")))
        try:
            buffers = self._segment(size, ancillary).buffers()
        except (OSError, ValueError) as error:
            return TaskPacket(attempt, start, length, function, body, (), error)
        if not body:
            body, *buffers = buffers
        return TaskPacket(attempt, start, length, function, body, buffers, None)

    def _segment(self, size: int, ancillary: Sequence[tuple[int, int, bytes]]) -> Segment:
        """What lies beside an attempt.

        Raises:
            OSError: if it cannot be had.
        """
        lent, size = size >> _LENT, size & ((1 << _LENT) - 1)
        if not lent:
            return Segment(_descriptor(ancillary), size)
        if self._lender is None:
            (self._lender, *_) = Struct("3i").unpack(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return Segment(os.open(f"/proc/{self._lender}/fd/{lent - 1}", os.O_RDONLY | os.O_CLOEXEC), size)

    def send(
        self, attempt: int, outcome: int, body: bytes, buffers: Sequence[Bytes], started: float, ended: float
    ) -> None:
        """Report how an attempt ended.

        Raises:
            OSError: if there is no room for the buffers, or the manager is gone.
        """
        if len(body) > INLINE:
            body, buffers = b"", (body, *buffers)
        item = encode_item(attempt, outcome, body, 1 if buffers else 0, started, ended, self._worker)
        if not buffers:
            self._socket.send(_RESULT.pack(attempt, ended - started, 0, _MARK) + item)
            return
        segment = Segment.written(buffers, share=1)
        packet = _RESULT.pack(attempt, ended - started, segment.size, _MARK) + item
        _send_with(self._socket, packet, segment, PATIENCE_S)

    def send_news(self, attempt: int, body: bytes) -> None:
        """Report what an attempt has to say that runs; from any thread.

        Raises:
            OSError: if the manager is gone, or it is longer than a packet.
        """
        item = encode_item(attempt, NEWS_OUTCOME, body, 0, 0.0, 0.0, self._worker)
        self._socket.send(_RESULT.pack(NEWS, 0.0, 0, _MARK) + item)

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()


class ManagerEnd:
    """The manager's side; nothing waits. Opening one makes both ends."""

    def __init__(self) -> None:
        self._own, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._own, self._theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        # The worker's end stays blocking: its flags belong to the worker, too.
        self._own.setblocking(False)
        self._lent: dict[int, Parcel] = {}

    def fileno(self) -> int:
        """What to poll for results."""
        return self._own.fileno()

    @property
    def worker_descriptor(self) -> int:
        """The worker's end, for it to inherit."""
        return self._theirs.fileno()

    def send(self, parcel: Parcel) -> bool:
        """Put an attempt into the pipe; False, and nothing done, if the pipe is full."""
        try:
            if parcel.segment is None:
                self._own.send(parcel.packet)
            else:
                _send_with(self._own, parcel.packet, parcel.segment)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or parcel.segment is None:
                raise
            return self._lend(parcel, parcel.segment)
        return True

    def _lend(self, parcel: Parcel, segment: Segment) -> bool:
        """Send no descriptor but its number, for the worker to open; the segment stays until it has reported."""
        *head, size = _TASK.unpack_from(parcel.packet)
        header = _TASK.pack(*head, size | (segment.descriptor + 1) << _LENT)
        if self.send(Parcel(parcel.attempt, header + parcel.packet[_TASK.size :])):
            self._lent[parcel.attempt] = parcel
        return parcel.attempt in self._lent

    def receive(self) -> list[ResultPacket]:
        """Everything the worker has reported."""
        found: list[ResultPacket] = []
        receive, unpack, header = self._own.recvmsg, _RESULT.unpack_from, _RESULT.size
        try:
            while True:
                packet, ancillary, _, _ = receive(_PACKET, _ANCILLARY, _CLOEXEC)
                if not packet:  # the worker has shut its end
                    _close(_passed(ancillary))
                    return found
                if len(packet) < header or (report := unpack(packet))[3] != _MARK:
                    _close(_passed(ancillary))
                    _complain(packet)
                    continue
                attempt, seconds, size, _ = report
                if self._lent:
                    self._lent.pop(attempt, None)
                item = packet[header:]
                segment = None
                if size:
                    try:
                        segment = received(_descriptor(ancillary), size)
                    except (OSError, ValueError):
                        item = b""
                elif ancillary:
                    _close(_passed(ancillary))
                found.append(ResultPacket(attempt, seconds, item, segment))
        except BlockingIOError:
            return found

    def take_back(self, limit: int) -> list[Parcel]:
        """Up to so many attempts that the worker has not read, the next ones first."""
        found: list[Parcel] = []
        try:
            while len(found) < limit:
                packet, ancillary, _, _ = self._theirs.recvmsg(_PACKET, _ANCILLARY, _AT_ONCE)
                if not packet:  # hung up, and nothing is left
                    break
                found.append(self._taken(packet, ancillary))
        except BlockingIOError:
            pass
        return found

    def _taken(self, packet: bytes, ancillary: Sequence[tuple[int, int, bytes]]) -> Parcel:
        attempt, *_place, size = _TASK.unpack_from(packet)
        if attempt in self._lent:
            return self._lent.pop(attempt)
        return Parcel(attempt, packet, Segment(_descriptor(ancillary), size) if 0 < size < _REFUSED else None)

    def hang_up(self) -> None:
        """Let the worker end once it has read what is there; it can still report."""
        self._own.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both ends: what has not been read is gone, and the worker ends."""
        self._own.close()
        self._theirs.close()
        self._lent.clear()


def _send_with(end: socket.socket, packet: bytes, segment: Segment, patience: float = 0.0) -> None:
    """Send a packet and a descriptor.

    Raises:
        OSError: if it cannot be sent; ETOOMANYREFS (``man 7 unix``) not before so many seconds.
    """
    passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [segment.descriptor]))]
    deadline, pause = time.monotonic() + patience, 0.0005
    while True:
        try:
            end.sendmsg([packet], passed)
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(pause)  # nothing tells when others have taken theirs
        pause = min(2 * pause, 0.02)


def _complain(packet: bytes) -> None:
    import logging  # here: workers have no use for it

    logging.getLogger("parsl_like.manager").warning(
        "a task has written %d bytes into its worker's pipe; they are dropped", len(packet)
    )


def _descriptor(ancillary: Sequence[tuple[int, int, bytes]]) -> int:
    """The descriptor that came with a packet.

    Raises:
        OSError: if it was lost.
    """
    found = _passed(ancillary)
    if not found:
        raise OSError(errno.EMFILE, "the descriptor of a packet's segment was lost: too many open files")
    _close(found[1:])
    return found[0]


def _passed(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    """All descriptors that came with a packet."""
    return [
        number
        for level, kind, data in ancillary
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS
        for number in array.array("i", data[: len(data) - len(data) % 4])
    ]


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
