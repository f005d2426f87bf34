"""The bytes of a log: a header, then frames, each of them checked; nothing here touches a file.

A frame has a body and a head: the head says what the body is. Everything up to the body is checked by two sums, so
that a reader can go through a log without reading bodies; the body has a third, compared when it is read.

What surrounds a body is made of opcodes that leave a pickle machine as they found it (bytes that are pushed and popped
again). So a log whose bodies are the opcodes of pickles is, as it lies there, also a stream of pickles for any reader
that knows nothing of frames. The layout is in ``docs/internals/journal.md``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG_VERSION: Final = 1

_PUSH: Final = b"\x80\x05C"  # PROTO 5, SHORT_BINBYTES; the number of bytes follows
_POP: Final = b"0"

# --- the log's header

_OPENING: Final = Struct("<4sHHdI12s")
_OPENING_MAGIC: Final = b"\xb7PLh"
_OPENING_START: Final = _PUSH + bytes([_OPENING.size + 4])
_OPENING_SIZE: Final = len(_OPENING_START) + _OPENING.size + 4 + len(_POP)
OPENING_SIZE: Final = 2 * _OPENING_SIZE
"""The length of a log's header. It is there twice, so that a damaged byte in it does not cost the whole log."""


class Opening(NamedTuple):
    """A log's header.

    Attributes:
        kind: What the log is of; at most 12 characters of ASCII.
        created: When it was begun, in seconds since the epoch.
        seed: Where every sum in this log begins. A frame of another log, or an older one of a block that the file
            system gave twice, has been summed up from another seed and is not taken for one of this log.
        version: Of the format.
    """

    kind: str
    created: float
    seed: int
    version: int = LOG_VERSION


def encode_opening(opening: Opening) -> bytes:
    """The header's bytes: twice the same."""
    fields = _OPENING.pack(
        _OPENING_MAGIC, opening.version, 0, opening.created, opening.seed, opening.kind.encode("ascii")
    )
    covered = _OPENING_START + fields
    return (covered + crc32(covered).to_bytes(4, "little") + _POP) * 2


def decode_opening(buffer: bytes) -> Opening | None:
    """The header at the beginning of a buffer; None if neither of its two copies is whole.

    Raises:
        ValueError: it is a log of a version that is not known here; the argument is the version.
    """
    for start in (0, _OPENING_SIZE):
        end = start + len(_OPENING_START) + _OPENING.size
        covered, told = buffer[start:end], buffer[end : end + 4]
        if len(told) < 4 or int.from_bytes(told, "little") != crc32(covered):
            continue
        magic, version, _, created, seed, kind = _OPENING.unpack(covered[len(_OPENING_START) :])
        if covered[: len(_OPENING_START)] != _OPENING_START or magic != _OPENING_MAGIC:
            continue
        if version != LOG_VERSION:
            raise ValueError(version)
        return Opening(kind.rstrip(b"\0").decode("ascii"), created, seed, version)
    return None


def is_opening(buffer: bytes) -> bool:
    """Whether a file that begins with these bytes is, or was meant to be, a log; a few bytes may be damaged."""
    start = _OPENING_START + _OPENING_MAGIC
    if len(buffer) < len(start):
        return bool(buffer) and start.startswith(buffer)
    again = buffer[_OPENING_SIZE : _OPENING_SIZE + len(start)]
    return buffer.startswith(start) or again == start


# --- frames

_FRAME: Final = Struct("<4sBBHIQII")  # magic, kind, flags, reserved, head length, body length, head sum, body sum
_FRAME_MAGIC: Final = b"\xb7PLr"
_START: Final = _PUSH + bytes([_FRAME.size + 4])
MARK: Final = _START + _FRAME_MAGIC
"""What every frame begins with; a reader that has lost its way looks for it."""
_FIELDS: Final = Struct("<BBHIQIII")  # what follows the mark: from the kind on, and the sum over all before it
_COVERED: Final = len(_START) + _FRAME.size
_TO_HEAD: Final = _COVERED + 4
_PACKED: Final = Struct("<8sBBHIQII").pack  # the same, with what stands before it
_LENGTH: Final = Struct("<I").pack
_BEFORE_HEAD: Final = len(_POP) + 5  # BINBYTES and four bytes of length
_GLUE: Final = _BEFORE_HEAD + len(_POP)
FRAME_SIZE: Final = _TO_HEAD + _GLUE
"""A frame's length beside its head and its body."""


class Draft(NamedTuple):
    """A record that is to be written.

    Attributes:
        kind: What it is, for the log's owner; 0 to 255.
        head: What has to be known without reading the body; less than 4 GiB.
        body: The body, in pieces.
    """

    kind: int
    head: bytes
    body: Sequence[bytes | memoryview] = ()


class Record(NamedTuple):
    """A record that is there, its body not yet read.

    Attributes:
        offset: Where its frame begins in the log, in bytes.
        kind: What it is, for the log's owner.
        head: As it was written.
        body_offset: Where its body begins in the log.
        body_length: The body's length in bytes.
        body_sum: What the body has to sum up to.
    """

    offset: int
    kind: int
    head: bytes
    body_offset: int
    body_length: int
    body_sum: int

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.body_offset + self.body_length


class Damage(NamedTuple):
    """A stretch of a log that is not what was written.

    Attributes:
        offset: Where it begins, in bytes.
        length: How long it is.
        reason: What was wrong where it begins.
    """

    offset: int
    length: int
    reason: str


def encode_frame(draft: Draft, seed: int) -> bytes:
    """What stands before a record's body in a log with this seed."""
    kind, head, body = draft
    body_sum, length = seed, 0
    for piece in body:
        body_sum = crc32(piece, body_sum)
        length += len(piece)
    size = len(head)
    around = b"0B%b%b0" % (_LENGTH(size), head)
    fields = _PACKED(MARK, kind, 0, 0, size, length, crc32(around, seed), body_sum)
    return b"%b%b%b" % (fields, _LENGTH(crc32(fields, seed)), around)


def encode_whole(kind: int, head: bytes, body: bytes, seed: int) -> bytes:
    """A record in a log with this seed, its body included: for small ones, since the body is copied."""
    return encode_surrounded(kind, surrounded(head), body, seed)


def surrounded(head: bytes) -> bytes:
    """A head with what stands around it in a frame."""
    return b"0B%b%b0" % (_LENGTH(len(head)), head)


def encode_surrounded(kind: int, around: bytes, body: bytes, seed: int) -> bytes:
    """What :func:`encode_whole` makes, of a head with what stands around it."""
    fields = _PACKED(MARK, kind, 0, 0, len(around) - _GLUE, len(body), crc32(around, seed), crc32(body, seed))
    return b"%b%b%b%b" % (fields, _LENGTH(crc32(fields, seed)), around, body)


def body_is_whole(record: Record, body: bytes, seed: int) -> bool:
    """Whether a record's body is what was written."""
    return len(body) == record.body_length and crc32(body, seed) == record.body_sum


class Scanner:
    """Finds the records in a log, piece by piece, and says what is damaged or torn off at the end.

    Args:
        seed: The log's.
        end: The log's length in bytes.
        position: Where to begin.

    Attributes:
        position: Where in the log the next piece has to begin. It may lie beyond the last piece: bodies are not read.
        damages: The damaged stretches so far.
        torn: How many bytes at the end are the beginning of a record; known when ``done``.
        wanted: How many bytes the next piece needs at least for the scanner to get on.
    """

    def __init__(self, seed: int, end: int, position: int = OPENING_SIZE) -> None:
        self.position = position
        self.damages: list[Damage] = []
        self.torn = 0
        self.wanted = FRAME_SIZE
        self._seed = seed
        self._end = end
        self._lost: tuple[int, str] | None = None

    @property
    def done(self) -> bool:
        """Whether there is nothing left to scan."""
        return self.position >= self._end

    def scan(self, piece: bytes, most: int = 0) -> list[Record]:
        """The records of which everything but the body is in a piece.

        Args:
            piece: The bytes of the log from ``position`` on: ``wanted`` of them or more, or all up to its end.
            most: Stop after so many; 0 for all.
        """
        found: list[Record] = []
        base, size = self.position, len(piece)
        at = 0
        while at < size:
            if self._lost is not None:
                at = self._search(piece, at, base)
                if self._lost is not None:
                    break
            step = self._frame(piece, at, base, found)
            at += step
            if not step or (most and len(found) >= most):
                break
        self.position = base + at
        if base + size >= self._end and not (most and found):
            self._finish(base + at)
        return found

    def _frame(self, piece: bytes, at: int, base: int, found: list[Record]) -> int:
        """Take the frame at a place; gives how far the next one is, 0 if the piece ends before one can say."""
        size = len(piece)
        body = at + FRAME_SIZE
        if body > size:
            self.wanted = FRAME_SIZE
            return self._short(piece, at, base)
        kind, _, _, head_length, body_length, head_sum, body_sum, fields_sum = _FIELDS.unpack_from(
            piece, at + len(MARK)
        )
        seed = self._seed
        if crc32(piece[at : at + _COVERED], seed) != fields_sum:
            return self._lose(base + at, "has a damaged frame")
        body += head_length
        if body > size:
            self.wanted = body - at
            return self._short(piece, at, base, body)
        offset = base + at
        around = piece[at + _TO_HEAD : body]
        length: int = body + body_length - at
        if offset + length > self._end:
            self.torn = self._end - offset
            return self.torn
        if crc32(around, seed) != head_sum:
            self.damages.append(Damage(offset, length, "has a damaged head"))
        else:
            found.append(Record(offset, kind, around[_BEFORE_HEAD:-1], base + body, body_length, body_sum))
        return length

    def _short(self, piece: bytes, at: int, base: int, needed: int = 0) -> int:
        """A frame goes on beyond the piece; at the log's end that is one torn off, if it began as frames do."""
        if base + len(piece) < self._end and base + needed <= self._end:
            return 0
        if not needed and not MARK.startswith(piece[at : at + len(MARK)]):
            return self._lose(base + at, "does not begin as a record does")
        self.torn = self._end - (base + at)
        return self.torn

    def _lose(self, offset: int, reason: str) -> int:
        self._lost = (offset, reason)
        return 1

    def _search(self, piece: bytes, at: int, base: int) -> int:
        """Look for the next frame; gives where it is, or from where to go on in the next piece."""
        while True:
            place = piece.find(MARK, at)
            if place < 0:
                self.wanted = FRAME_SIZE
                return max(at, len(piece) - len(MARK) + 1)
            if place + _TO_HEAD > len(piece):
                self.wanted = FRAME_SIZE
                return place
            covered = piece[place : place + _COVERED]
            if crc32(covered, self._seed) == int.from_bytes(piece[place + _COVERED : place + _TO_HEAD], "little"):
                self._find(base + place)
                return place
            at = place + 1

    def _find(self, offset: int) -> None:
        if self._lost is not None:
            start, reason = self._lost
            self.damages.append(Damage(start, offset - start, reason))
            self._lost = None

    def _finish(self, position: int) -> None:
        """The log has ended."""
        if self._lost is not None or position < self._end:
            self._lost = self._lost or (position, "does not begin as a record does")
            self._find(self._end)
        self.position = self._end
