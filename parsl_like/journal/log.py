"""A log as a file: one writer appends to a file of its own, any number of readers read it, also while it grows."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from parsl_like.journal.errors import DamagedRecord, NotALog
from parsl_like.journal.frames import (
    OPENING_SIZE,
    Opening,
    Scanner,
    body_is_whole,
    decode_opening,
    encode_frame,
    encode_opening,
    is_opening,
)
from parsl_like.journal.trust import CAREFULLY, open_trusted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from parsl_like.journal.frames import Damage, Draft, Record

PIECE: Final = 1024 * 1024
"""Bytes that are read, or gathered for writing, at a time."""
_GUESS: Final = 4096  # a record with a small body is there after one read


class LogWriter:
    """Appends records to a log of its own, which it makes; used by one thread.

    The file is its user's alone (mode 0600). What an append that failed has left behind is cut off, or overwritten by
    the next one.

    Args:
        path: The file, which must not be there.
        kind: What the log is of; at most 12 characters of ASCII.

    Attributes:
        path: The file.
        end: Its length in bytes, as far as records are whole.

    Raises:
        OSError: it is there, or cannot be made.
    """

    def __init__(self, path: str, kind: str) -> None:
        no_link = getattr(os, "O_NOFOLLOW", 0)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | no_link | CAREFULLY, 0o600)
        self.path = path
        self.end = 0
        self.opening = Opening(kind, time.time(), int.from_bytes(os.urandom(4), "little"))
        self._unsynced_folder = True
        with suppress(AttributeError, OSError):  # a umask may have taken away its user's rights
            os.fchmod(self._descriptor, 0o600)

    def append(self, records: Sequence[Draft]) -> list[int]:
        """Write records, in order, and give where each of them begins. They are the file system's then, not the disk's.

        Raises:
            OSError: they cannot be written; none of them is in the log.
        """
        seed = self.opening.seed
        pieces: list[bytes | memoryview] = []
        end = self.end or OPENING_SIZE
        offsets = []
        for record in records:
            offsets.append(end)
            for piece in (encode_frame(record, seed), *record.body):
                pieces.append(piece)
                end += len(piece)
        self._append(pieces, end)
        return offsets

    def append_encoded(self, records: Sequence[bytes]) -> list[int]:
        """As :meth:`append` does, with records that have been encoded, each as a whole, with this log's seed."""
        offsets = list(accumulate(map(len, records), initial=self.end or OPENING_SIZE))
        self._append(records, offsets.pop())
        return offsets

    def _append(self, pieces: Sequence[bytes | memoryview], end: int) -> None:
        try:
            self._write(pieces if self.end else [encode_opening(self.opening), *pieces])
        except BaseException:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.end)
            raise
        self.end = end

    def _write(self, pieces: Iterable[bytes | memoryview]) -> None:
        os.lseek(self._descriptor, self.end, os.SEEK_SET)
        gathered: list[bytes | memoryview] = []
        size = 0
        for piece in pieces:
            if size + len(piece) > PIECE:
                self._write_all(b"".join(gathered))
                gathered, size = [], 0
            if len(piece) > PIECE:  # not copied: it may be very large
                self._write_all(piece)
                continue
            gathered.append(piece)
            size += len(piece)
        self._write_all(b"".join(gathered))

    def _write_all(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            written = os.write(self._descriptor, rest)
            if not written:
                raise OSError(errno.EIO, os.strerror(errno.EIO), self.path)
            rest = rest[written:]

    def sync(self) -> None:
        """Return when all that was appended is on the disk, and so is the file's name.

        Raises:
            OSError: that cannot be had; also if the file has been removed, so that nobody will find it.
        """
        os.fsync(self._descriptor)
        if not os.fstat(self._descriptor).st_nlink:
            raise FileNotFoundError(errno.ENOENT, "the file was removed while it was written", self.path)
        if self._unsynced_folder:
            sync_folder(os.path.dirname(self.path))
            self._unsynced_folder = False

    def close(self) -> None:
        """Release the file; nothing is synced."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def sync_folder(path: str) -> None:
    """Return when the names in a folder are on the disk, where the system can say so."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path or ".", os.O_RDONLY | CAREFULLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # file systems without it
            raise
    finally:
        os.close(descriptor)


class LogReader:
    """Reads a log; what it holds may be used by any thread.

    Args:
        path: The file.
        kind: What it has to be of.

    Attributes:
        path: The file.
        size: Its length when it was opened.
        identity: What tells it from another file of its name.
        opening: Its header; None if the file ends before it does, and so holds no record.
        damages: The damaged stretches that :meth:`records` has come across.
        torn: How many bytes at its end are the beginning of a record, after :meth:`records`.

    Raises:
        UntrustedFile: somebody else may have written it.
        NotALog: it is something else, or of another version.
        OSError: it cannot be read.
    """

    def __init__(self, path: str, kind: str) -> None:
        self.path = path
        self.damages: list[Damage] = []
        self.torn = 0
        self._seeking = threading.Lock()
        self._descriptor = open_trusted(path)
        try:
            status = os.fstat(self._descriptor)
            self.size, self.identity = status.st_size, (status.st_dev, status.st_ino)
            self.opening = self._open(kind)
        except BaseException:
            self.close()
            raise

    def _open(self, kind: str) -> Opening | None:
        start = self._read(0, OPENING_SIZE)
        if not is_opening(start) and start:
            raise NotALog(self.path, "it does not begin as a log does")
        try:
            opening = decode_opening(start)
        except ValueError as error:
            raise NotALog(self.path, f"it is of version {error} of the format, which is not known here") from error
        if opening is None and len(start) == OPENING_SIZE:
            raise NotALog(self.path, "both copies of its header are damaged")
        if opening is not None and opening.kind != kind:
            raise NotALog(self.path, f"it is a log of {opening.kind!r}, not of {kind!r}")
        return opening

    def records(self) -> Iterator[Record]:
        """The records that were whole when the log was opened, in order, without their bodies."""
        if self.opening is None:
            self.torn = self.size
            return
        scanner, usual = Scanner(self.opening.seed, self.size), PIECE
        while not scanner.done:
            start = scanner.position
            piece = self._read(start, min(max(usual, scanner.wanted), self.size - start))
            if not piece:  # somebody has cut the file off since
                break
            yield from scanner.scan(piece)
            usual = PIECE if scanner.position <= start + len(piece) else _GUESS  # the last body was a large one
        self.damages, self.torn = scanner.damages, scanner.torn

    def head(self, offset: int) -> Record:
        """The record whose frame begins at an offset, its body not read.

        Raises:
            DamagedRecord: it is not what was written.
            OSError: the file cannot be read.
        """
        return self._find(offset)[0]

    def at(self, offset: int) -> tuple[Record, bytes]:
        """The record whose frame begins at an offset, and its body.

        Raises:
            DamagedRecord: either is not what was written.
            OSError: the file cannot be read.
        """
        record, piece = self._find(offset)
        start, end = record.body_offset - offset, record.end - offset
        body = piece[start:end] if end <= len(piece) else self._read(record.body_offset, record.body_length)
        if not body_is_whole(record, body, self._seed):
            raise DamagedRecord(self.path, "is damaged", offset)
        return record, body

    @property
    def _seed(self) -> int:
        return self.opening.seed if self.opening is not None else 0

    def _find(self, offset: int) -> tuple[Record, bytes]:
        """A record, and the bytes from its frame on that were read to find it."""
        length = _GUESS
        while True:
            piece = self._read(offset, length)
            scanner = Scanner(self._seed, sys.maxsize, offset)
            found = scanner.scan(piece, most=1)
            if found or len(piece) < length or scanner.damages or scanner.position != offset:
                break
            length = max(scanner.wanted, length + 1)
        if not found or found[0].offset != offset:
            raise DamagedRecord(self.path, "is damaged", offset)
        return found[0], piece

    def body(self, record: Record) -> bytes:
        """A record's body; raises as :meth:`at` does."""
        return self.at(record.offset)[1]

    def _read(self, offset: int, length: int) -> bytes:
        """So many bytes from a place on, fewer only where the file ends."""
        read = self._read_once(offset, length)
        if len(read) == length or not read:
            return read
        pieces = [read]
        have = len(read)
        while have < length and (read := self._read_once(offset + have, length - have)):  # the system reads < 2 GiB
            pieces.append(read)
            have += len(read)
        return b"".join(pieces)

    def _read_once(self, offset: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, length, offset)
        with self._seeking:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)

    def close(self) -> None:
        """Release the file."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def read_log(path: str, kind: str) -> Iterator[tuple[Record, bytes]]:
    """The records of a log with their bodies, in order; what is damaged or torn off is passed over.

    Args:
        path: The file.
        kind: What it has to be of.

    Raises:
        UntrustedFile: somebody else may have written it.
        NotALog: it is something else.
        OSError: it cannot be read.
    """
    reader = LogReader(path, kind)
    try:
        for record in reader.records():
            try:
                body = reader.body(record)
            except DamagedRecord:
                continue
            yield record, body
    finally:
        reader.close()
