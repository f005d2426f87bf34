"""The link between a manager and one worker: a pair of unix sockets on which each attempt is one packet.

The manager keeps a second descriptor of the worker's end. Reading from that takes back what the worker has not read
yet, and the kernel gives each packet to one reader only: so an attempt is either in the worker's hands or in the
manager's, also while both read, and also after the worker has died.

What is larger than a packet travels in an anonymous file (``frames``) whose descriptor is sent along. A result's packet
holds the very bytes of a ``protocol.ResultItem``, so that the manager passes it on as it came.
"""

from __future__ import annotations

import array
import errno
import os
import socket
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.executors.high_throughput.node.frames import map_frames, write_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.executors.high_throughput.node.frames import Bytes

INLINE = 32 * 1024
"""The largest body, in bytes, that travels in a packet; a larger one travels as the first frame of a file."""

BUFFER = 4 * 1024 * 1024
"""Bytes that are asked of the kernel for packets on their way to one worker."""

READY = -1
"""Stands in the place of an attempt in the packet that says that a worker is ready."""

_REFUSED = 0xFFFFFFFF  # instead of a number of frames: the body says why the attempt cannot be run
_PACKET = INLINE + 4096
_ANCILLARY = socket.CMSG_SPACE(array.array("i").itemsize)
_TASK = Struct("<qQI16sI")  # attempt, where the function begins, its length, its hash, frames
_RESULT = Struct("<qdI")  # attempt, seconds it took, frames
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
        item: An encoded ``ResultItem``; empty if its buffers cannot be had.
        buffers: The buffers that the item counts.
    """

    attempt: int
    seconds: float
    item: bytes
    buffers: Sequence[memoryview]


class Parcel(NamedTuple):
    """An attempt ready to be sent, or taken back; owns the descriptor of its frames, if it has any."""

    attempt: int
    packet: bytes
    descriptor: int | None = None

    def discard(self) -> None:
        """Release the frames: the parcel will not be sent."""
        if self.descriptor is not None:
            os.close(self.descriptor)


def pack_task(
    attempt: int, function: bytes, place: tuple[int, int], body: bytes, buffers: Sequence[Bytes] = ()
) -> Parcel:
    """An attempt as a parcel.

    Args:
        attempt: Its identity.
        function: The function's hash.
        place: Where the function begins and how long it is (``Shelf.place``).
        body: The packed call, empty if the first buffer is.
        buffers: What travels beside it.

    Raises:
        OSError: if there is no room for the buffers.
    """
    if len(body) > INLINE:
        body, buffers = b"", (body, *buffers)
    header = _TASK.pack(attempt, *place, function, len(buffers))
    return Parcel(attempt, header + body, write_frames(buffers) if buffers else None)


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

    def send_ready(self) -> None:
        """Say that tasks can come."""
        self._socket.sendall(_RESULT.pack(READY, 0.0, 0))

    def receive(self) -> TaskPacket | None:
        """The next attempt; None once the manager has closed its end or is gone."""
        try:
            packet, ancillary, _, _ = self._socket.recvmsg(_PACKET, _ANCILLARY)
        except ConnectionResetError:
            return None
        if not packet:
            return None
        attempt, start, length, function, count = _TASK.unpack_from(packet)
        body = memoryview(packet)[_TASK.size :]
        if not count:
            return TaskPacket(attempt, start, length, function, body, (), None)
        if count == _REFUSED:
            return TaskPacket(attempt, start, length, function, body, (), OSError(str(body, "utf-8", "replace")))
        try:
            buffers = _received(ancillary, count, writable=True)
        except (OSError, ValueError) as error:
            return TaskPacket(attempt, start, length, function, body, (), error)
        if not body:
            body, *buffers = buffers
        return TaskPacket(attempt, start, length, function, body, buffers, None)

    def send(
        self, attempt: int, outcome: int, body: bytes, buffers: Sequence[Bytes], started: float, ended: float
    ) -> None:
        """Report how an attempt ended.

        Raises:
            OSError: if there is no room for the buffers, or the manager is gone.
        """
        if len(body) > INLINE:
            body, buffers = b"", (body, *buffers)
        item = encode_item(attempt, outcome, body, len(buffers), started, ended, self._worker)
        packet = _RESULT.pack(attempt, ended - started, len(buffers)) + item
        if not buffers:
            self._socket.send(packet)
            return
        descriptor = write_frames(buffers)
        try:
            _send_with(self._socket, packet, descriptor)
        finally:
            os.close(descriptor)

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

    def fileno(self) -> int:
        """What to poll for results."""
        return self._own.fileno()

    @property
    def worker_descriptor(self) -> int:
        """The worker's end, for it to inherit."""
        return self._theirs.fileno()

    def send(self, parcel: Parcel) -> bool:
        """Put an attempt into the pipe and release the parcel; False, and nothing done, if the pipe is full."""
        try:
            if parcel.descriptor is None:
                self._own.send(parcel.packet)
            else:
                _send_with(self._own, parcel.packet, parcel.descriptor)
                os.close(parcel.descriptor)
        except BlockingIOError:
            return False
        return True

    def receive(self) -> list[ResultPacket]:
        """Everything the worker has reported."""
        found: list[ResultPacket] = []
        receive, unpack, header = self._own.recvmsg, _RESULT.unpack_from, _RESULT.size
        try:
            while True:
                packet, ancillary, _, _ = receive(_PACKET, _ANCILLARY)
                if not packet:  # the worker has shut its end
                    return found
                attempt, seconds, count = unpack(packet)
                item = packet[header:]
                buffers: Sequence[memoryview] = ()
                if count:
                    try:
                        buffers = _received(ancillary, count, writable=False)
                    except (OSError, ValueError):
                        item = b""
                found.append(ResultPacket(attempt, seconds, item, buffers))
        except BlockingIOError:
            return found

    def take_back(self, limit: int) -> list[Parcel]:
        """Up to so many attempts that the worker has not read, the next ones first."""
        found: list[Parcel] = []
        try:
            while len(found) < limit:
                packet, ancillary, _, _ = self._theirs.recvmsg(_PACKET, _ANCILLARY, socket.MSG_DONTWAIT)
                if not packet:  # hung up, and nothing is left
                    break
                descriptors = _descriptors(ancillary)
                found.append(Parcel(_TASK.unpack_from(packet)[0], packet, descriptors[0] if descriptors else None))
        except BlockingIOError:
            pass
        return found

    def hang_up(self) -> None:
        """Let the worker end once it has read what is there; it can still report."""
        self._own.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both ends: what has not been read is gone, and the worker ends."""
        self._own.close()
        self._theirs.close()


def _send_with(end: socket.socket, packet: bytes, descriptor: int) -> None:
    end.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])


def _descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> array.array[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found


def _received(ancillary: Sequence[tuple[int, int, bytes]], count: int, *, writable: bool) -> list[memoryview]:
    descriptors = _descriptors(ancillary)
    if not descriptors:
        raise OSError(errno.EMFILE, "the descriptor of a packet's frames was lost: too many open files")
    try:
        return [frame for descriptor in descriptors for frame in map_frames(descriptor, count, writable=writable)]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
