"""Large parts on a connection that small messages share: cut into pieces, few of them on their way at a time.

A message with a large part would keep everything behind it waiting, and one that is encrypted as a whole keeps its
connection silent for seconds. So its large parts go ahead as pieces, each acknowledged, and small messages go in
between. The rest of the message follows the last piece. One that waits behind another large one keeps its place.

A large frame is cut, too, so that a connection never has to take much at once, least of all before it is known who
talks; but what comes after it may build on it, and waits.
"""

from __future__ import annotations

import itertools
from collections import deque
from struct import Struct, error
from typing import TYPE_CHECKING, Any

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.links.port import LARGE, MAX_BODY
from parsl_like.executors.high_throughput.protocol import MOST_BYTES
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.serialize.segments import Bytes

PIECE = 1024 * 1024
"""Bytes of a piece: encrypting it takes a few milliseconds."""

WINDOW = 8 * PIECE
"""Bytes on their way that have not been acknowledged."""

MARK = b"\xc1"
"""What the frames of this module begin with; no message does (msgpack never uses it)."""

RESET = MARK + b"R"
"""To whoever has connected (again): pieces on their way before may be gone."""

_FRAME = 0xFFFF
"""In place of a part's number: the frame."""

_PIECE, _DONE, _REST = MARK + b"P", MARK + b"A", MARK + b"M"
_PIECE_HEAD = Struct("<2sQHQQ")  # transfer, number of the part, its size, where the piece begins
_DONE_HEAD = Struct("<2sQQ")  # transfer, bytes
_REST_HEAD = Struct("<2sQ")  # transfer


class Cutter:
    """The large messages on their way to one peer."""

    def __init__(self) -> None:
        self._queue: deque[_Transfer] = deque()
        self._numbers = itertools.count(1)
        self._large_frames = 0

    def __bool__(self) -> bool:
        """Whether there is anything left to send."""
        return bool(self._queue)

    def has_large_frame(self) -> bool:
        """Whether messages that come now have to wait for their turn."""
        return self._large_frames > 0

    def put(self, frame: bytes, parts: Sequence[Any]) -> None:
        """Take a message, to be sent by :meth:`due`."""
        self._queue.append(_Transfer(next(self._numbers), frame, parts))
        self._large_frames += len(frame) >= LARGE

    def due(self) -> list[list[Any]]:
        """What is to be sent now: messages, each of them a frame and its parts."""
        found: list[list[Any]] = []
        while self._queue:
            first = self._queue[0]
            found += first.pieces()
            if not first.is_cut():
                break
            found.append(first.rest())
            self._queue.popleft()
            self._large_frames -= first.has_large_frame()
        return found

    def done(self, frame: bytes) -> None:
        """An acknowledgement has come.

        Raises:
            BadMessage: if it is none.
        """
        _, number, size = _unpacked(_DONE_HEAD, frame)
        if self._queue and self._queue[0].number == number:
            self._queue[0].in_flight = max(0, self._queue[0].in_flight - size)

    def restart(self) -> None:
        """Begin again with what has not been sent to its end: the connection is another one."""
        for transfer in self._queue:
            transfer.restart(next(self._numbers))


class _Transfer:
    def __init__(self, number: int, frame: bytes, parts: Sequence[Any]) -> None:
        self.number = number
        self.in_flight = 0
        self._frame = frame
        self._parts = parts
        self._large = [index for index, part in enumerate(parts) if len(part) >= LARGE]
        if len(frame) >= LARGE:
            self._large.append(_FRAME)
        self._cut = 0
        self._at = 0

    def restart(self, number: int) -> None:
        self.number, self.in_flight, self._cut, self._at = number, 0, 0, 0

    def is_cut(self) -> bool:
        return self._cut == len(self._large)

    def has_large_frame(self) -> bool:
        return self._large[-1:] == [_FRAME]

    def pieces(self) -> list[list[Any]]:
        found: list[list[Any]] = []
        while not self.is_cut() and self.in_flight < WINDOW:
            index = self._large[self._cut]
            content = _content(self._frame if index == _FRAME else self._parts[index])
            size = len(content)
            while self._at < size and self.in_flight < WINDOW:
                piece = content[self._at : self._at + PIECE]
                found.append([_PIECE_HEAD.pack(_PIECE, self.number, index, size, self._at), piece])
                self._at += len(piece)
                self.in_flight += len(piece)
            if self._at == size:
                self._cut, self._at = self._cut + 1, 0
        return found

    def rest(self) -> list[Any]:
        if not self._large:  # it only waited for its turn
            return [self._frame, *self._parts]
        parts = [b"" if index in self._large else part for index, part in enumerate(self._parts)]
        return [_REST_HEAD.pack(_REST, self.number), b"" if self.has_large_frame() else self._frame, *parts]


class Gatherer:
    """The large message on its way from one peer; there is one at a time, and its parts come one after another."""

    def __init__(self) -> None:
        self._number = 0
        self._parts: dict[int, Segment | bytearray] = {}
        self._last = -1
        self._filled = 0

    def take(self, message: Sequence[Any]) -> bytes:
        """Keep a piece; gives the acknowledgement.

        Raises:
            BadMessage: if it is none, or not the next one.
        """
        _, number, index, size, at = _unpacked(_PIECE_HEAD, message[0])
        if len(message) != 2 or not LARGE <= size <= (MOST_BYTES if index == _FRAME else MAX_BODY):
            raise BadMessage(f"a piece of a part of {size} bytes in {len(message)} frames")
        piece = _content(message[1])
        if number != self._number:
            self._number = number
            self._forget()
        part = self._next_part(index, size)
        if not piece or at != self._filled or at + len(piece) > len(part):
            raise BadMessage(
                f"a piece of {len(piece)} bytes at {at} of a part that has {self._filled} of {len(part)} bytes"
            )
        if isinstance(part, Segment):
            part.put(at, piece)
        else:
            part[at : at + len(piece)] = piece
        self._filled += len(piece)
        return _DONE_HEAD.pack(_DONE, number, len(piece))

    def _next_part(self, index: int, size: int) -> Segment | bytearray:
        """The part a piece belongs to: room is made for no other before this one has come whole."""
        if index == self._last:
            return self._parts[index]
        if index < self._last or (self._parts and self._filled < len(self._parts[self._last])):
            raise BadMessage(f"a piece of part {index} came while part {self._last} was on its way")
        self._parts[index] = part = _room(size)
        self._last, self._filled = index, 0
        return part

    def _forget(self) -> None:
        self._parts, self._last, self._filled = {}, -1, 0

    def finish(self, message: Sequence[Any]) -> list[Any]:
        """The whole message: frame and parts.

        Raises:
            BadMessage: if its parts have not come.
        """
        _, number = _unpacked(_REST_HEAD, message[0])
        parts, whole = self._parts, list(message[1:])
        is_whole = number == self._number and (not parts or self._filled == len(parts[self._last]))
        self._forget()
        if not is_whole or not whole:
            raise BadMessage("a message whose parts have not come")
        for index, part in parts.items():
            if isinstance(part, Segment):
                part.seal()
            if index == _FRAME:
                whole[0] = part
            elif index + 1 < len(whole):
                whole[index + 1] = part
            else:
                raise BadMessage(f"a part {index} of a message of {len(whole) - 1} parts")
        whole[0] = bytes(_content(whole[0]))
        return whole


def is_piece(frame: bytes) -> bool:
    """Whether a message holds a piece."""
    return frame[:2] == _PIECE


def is_rest(frame: bytes) -> bool:
    """Whether a message is what follows the last piece."""
    return frame[:2] == _REST


def is_done(frame: bytes) -> bool:
    """Whether a message acknowledges a piece."""
    return frame[:2] == _DONE


def _content(part: Any) -> memoryview:
    if isinstance(part, Segment):
        return part.content()
    return memoryview(getattr(part, "buffer", part)).cast("B")


def _room(size: int) -> Segment | bytearray:
    try:
        return Segment.sized(size)
    except OSError:  # no descriptor left, or no room for it as a file
        try:
            return bytearray(size)
        except MemoryError as reason:
            raise BadMessage(f"there is no memory for a part of {size} bytes") from reason


def _unpacked(head: Struct, frame: Bytes) -> tuple[Any, ...]:
    try:
        return head.unpack(frame)
    except error as reason:
        raise BadMessage(f"the head of a piece: {reason}") from reason
