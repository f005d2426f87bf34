"""A checkpoint of ours, read: a log of results, ``tasks.pkl`` in a run's checkpoint folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.errors import DeserializationError
from parsl_like.journal.errors import DamagedRecord
from parsl_like.journal.frames import OPENING_SIZE, is_opening
from parsl_like.journal.log import LogReader
from parsl_like.journal.trust import open_trusted
from parsl_like.memo.entries import FORGOTTEN, RESULT, RESULTS, Facts, decode_body, decode_head, key_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.journal.frames import Record


class ResultLog:
    """Reads one log of results; used by one thread at a time.

    Args:
        path: The file.

    Attributes:
        path: The file.
        created: When it was begun, in seconds since the epoch.
        identity: What tells it from another file of its name.
        forgotten: Packed keys that are to be given no more if they are as old as this, after :meth:`index`; an empty
            one stands for all.
        damaged: How many stretches :meth:`index` could not read.
        torn: How many bytes at the end are the beginning of a record.

    Raises:
        UntrustedFile: somebody else may have written it.
        NotALog: it is something else.
        OSError: it cannot be read.
    """

    is_parsl = False

    def __init__(self, path: str) -> None:
        self.path = path
        self.forgotten: dict[bytes, float] = {}
        self.damaged = self.torn = 0
        self._reader = LogReader(path, RESULTS)
        self.identity = self._reader.identity
        self.created = self._reader.opening.created if self._reader.opening is not None else 0.0

    def index(self) -> Iterator[tuple[bytes, int]]:
        """The packed keys of all results and where each record begins, in the order in which they were written."""
        for record in self._reader.records():
            if record.kind == RESULT:
                head = record.head
                yield head[2 : 2 + head[0] + (head[1] << 8)], record.offset
            elif record.kind == FORGOTTEN:
                self._forget(record)
        self.damaged, self.torn = len(self._reader.damages), self._reader.torn

    def _forget(self, record: Record) -> None:
        key, time = key_in(record.head), self._facts(record, record.offset).time
        self.forgotten[key] = max(time, self.forgotten.get(key, 0.0))

    def facts(self, offset: int) -> Facts:
        """What is known about the result at an offset; raises as :meth:`value` does."""
        return self._facts(self._reader.head(offset), offset)

    def value(self, offset: int, key: bytes) -> Any:
        """The result at an offset. This runs the code by which it is rebuilt.

        Raises:
            DamagedRecord: it is not what was written, or another one's, or cannot be rebuilt here.
            OSError: the file cannot be read.
        """
        record, body = self._reader.at(offset)
        if key_in(record.head) != key:
            raise DamagedRecord(self.path, "is another one's", offset)
        try:
            return decode_body(body)
        except DeserializationError as error:
            raise DamagedRecord(self.path, f"cannot be rebuilt here: {error.reason}", offset) from error

    def raw(self, offset: int) -> tuple[bytes, bytes]:
        """Head and body of the record at an offset; raises as :meth:`value` does."""
        record, body = self._reader.at(offset)
        return record.head, body

    def size(self, offset: int) -> int:
        """How many bytes the record at an offset takes; raises as :meth:`value` does."""
        return self._reader.head(offset).end - offset

    def _facts(self, record: Record, offset: int) -> Facts:
        try:
            return decode_head(record.head)
        except ValueError as error:
            raise DamagedRecord(self.path, f"cannot be read: {error}", offset) from error

    def close(self) -> None:
        """Release the file."""
        self._reader.close()


def is_result_log(path: str) -> bool:
    """Whether a file is a log, as against a file of Parsl's.

    Raises:
        UntrustedFile: somebody else may have written it.
        OSError: it cannot be read.
    """
    with open(open_trusted(path), "rb") as file:
        return is_opening(file.read(OPENING_SIZE))
