"""Messages in a stream of bytes: where each ends, and which of its parts come as descriptors beside the stream.

A message is a head (length of the frame, number of parts), one number for each part, the frame, and the parts that are
bytes. A part's number is its length, with the highest bit set if it is a segment, whose descriptor comes along.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from parsl_like.errors import BadMessage
from parsl_like.serialize.segments import Segment, received

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = Struct("<II")
MOST_PARTS = 65536
MOST_DESCRIPTORS = 64
"""Segments of one message that are passed as descriptors (the kernel allows 253); further ones travel as bytes."""

GREETING_FRAME = 16 * 1024
"""The largest frame of the first message of a connection, in bytes: nobody's word counts before that."""

SEGMENT = 1 << 63
"""Set in the number of a part that is a segment."""


def head_of(frame: bytes, parts: Sequence[Any], passed: int) -> bytes:
    """What comes before a frame.

    Args:
        frame: The frame.
        parts: What follows it.
        passed: How many of the segments among them are passed as descriptors, the first ones.
    """
    if not parts:
        return HEAD.pack(len(frame), 0)
    numbers = []
    for part in parts:
        size = len(part)
        if passed and isinstance(part, Segment):
            passed -= 1
            size |= SEGMENT
        numbers.append(size)
    return HEAD.pack(len(frame), len(parts)) + Struct(f"<{len(parts)}Q").pack(*numbers)


class Assembler:
    """Cuts a stream into messages.

    Args:
        max_frame: The largest frame to take, in bytes.
        max_part: The largest part.
        greeted: Whether the first message may be as large, too; else it has no parts, and a frame of
            :data:`GREETING_FRAME` at most.
    """

    def __init__(self, max_frame: int, max_part: int, *, greeted: bool = True) -> None:
        self._greeted = greeted
        self._max_frame = max_frame
        self._max_part = max_part
        self._chunks: list[bytes] = []
        self._size = 0
        self._needed = HEAD.size
        self._descriptors: list[int] = []

    def take(self, data: bytes, descriptors: Sequence[int] = ()) -> list[list[Any]]:
        """The messages that are complete with this.

        Raises:
            BadMessage: if what comes is no message, or one that is too large; nothing can be read after that.
            OSError: if a segment cannot be read.
            ValueError: if one is shorter than was said.
        """
        self._descriptors += descriptors
        if len(self._descriptors) > 2 * MOST_DESCRIPTORS:  # those of a message that ends here and of one that begins
            raise BadMessage(f"{len(self._descriptors)} descriptors came before the parts that they belong to")
        if self._chunks:
            self._chunks.append(data)
            self._size += len(data)
            if self._size < self._needed:
                return []
            data = b"".join(self._chunks)
            self._chunks = []
        self._greeted = self._greeted or _greets(data)
        found: list[list[Any]] = []
        at, end = 0, len(data)
        while end - at >= HEAD.size:
            length, count = HEAD.unpack_from(data, at)
            start = at + HEAD.size
            if count or length > self._max_frame:
                stop = self._take_parts(data, start, length, count, found)
            else:
                stop = start + length
                if stop <= end:
                    found.append([data[start:stop]])
            if stop > end:
                self._needed = stop - at
                break
            at = stop
        else:
            self._needed = HEAD.size
        if at < end:
            rest = data[at:] if at else data
            self._chunks, self._size = [rest], len(rest)
        elif self._descriptors:
            raise BadMessage(f"{len(self._descriptors)} descriptors came that belong to no part")
        return found

    def _take_parts(self, data: bytes, start: int, length: int, count: int, found: list[list[Any]]) -> int:
        """Take a message with parts; gives where it ends, or some later place if it is not complete."""
        if length > self._max_frame or count > MOST_PARTS:
            raise BadMessage(f"a message with a frame of {length} bytes and {count} parts is too large")
        at = start + 8 * count
        if at > len(data):
            return at
        numbers: tuple[int, ...] = Struct(f"<{count}Q").unpack_from(data, start)
        if any((number & ~SEGMENT) > self._max_part for number in numbers):
            raise BadMessage(f"a part of {max(number & ~SEGMENT for number in numbers)} bytes is too large")
        end = at + length + sum(number for number in numbers if number < SEGMENT)
        if end > len(data):
            return end
        message: list[Any] = [data[at : at + length]]
        at += length
        for number in numbers:
            if number < SEGMENT:
                message.append(memoryview(data)[at : at + number])
                at += number
            elif number == SEGMENT:
                raise BadMessage("a segment that holds nothing")
            elif self._descriptors:
                message.append(received(self._descriptors.pop(0), number & ~SEGMENT))
            else:
                raise BadMessage("the descriptor of a part was lost: too many open files")
        found.append(message)
        return end

    def discard(self) -> None:
        """Release what belongs to messages that will never be complete."""
        for descriptor in self._descriptors:
            Segment(descriptor, 0).close()
        self._descriptors.clear()


def _greets(data: bytes) -> bool:
    """Whether a connection has begun as it should; False if that cannot be seen yet.

    Raises:
        BadMessage: if it has not.
    """
    if len(data) < HEAD.size:
        return False
    length, count = HEAD.unpack_from(data)
    if count or length > GREETING_FRAME:
        raise BadMessage("it does not begin with a greeting")
    return True
