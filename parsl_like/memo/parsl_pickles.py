"""Checkpoints that Parsl wrote: ``tasks.pkl``, a pickle for each task, one after another.

Every version writes dictionaries with the keys ``hash``, ``exception`` and ``result``. They have no checksum: what is
cut off or cannot be read is passed over, and a damaged byte inside of a value may go unseen.
"""

from __future__ import annotations

import mmap
import os
import pickle
import re
from typing import IO, TYPE_CHECKING, Any, Final

from parsl_like.journal.errors import DamagedRecord
from parsl_like.journal.trust import open_trusted
from parsl_like.memo.entries import Facts, encode_head, packed_key
from parsl_like.serialize.unpickling import is_interrupt, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEGINNING: Final = re.compile(
    rb"\x80[\x02-\x05](?:\x95.{8})?\}(?:\x94|q.)?\((?:\x8c\x04|X\x04\x00\x00\x00)hash", re.DOTALL
)
"""What a task's pickle begins with, in the protocols that Python has had since Parsl began."""

_FAR: Final = re.compile(rb"r(?!esult)(?:..[^\x00].|...[^\x00])", re.DOTALL)
"""LONG_BINPUT with a place beyond 65,535, or text that looks like it."""


class ParslFile:
    """Reads one ``tasks.pkl`` of Parsl's; used by one thread at a time.

    Args:
        path: The file.

    Attributes:
        path: The file.
        created: When it was last written, in seconds since the epoch.
        identity: What tells it from another file of its name.
        damaged: How many stretches :meth:`index` could not read.
        torn: How many bytes at the end are the beginning of a pickle.

    Raises:
        UntrustedFile: somebody else may have written it.
        OSError: it cannot be read.
    """

    is_parsl = True

    def __init__(self, path: str) -> None:
        self.path = path
        self.damaged = self.torn = 0
        self._file: IO[bytes] = os.fdopen(open_trusted(path), "rb", buffering=1024 * 1024)
        status = os.fstat(self._file.fileno())
        self.created = status.st_mtime
        self.identity = (status.st_dev, status.st_ino)
        self._size = status.st_size

    def index(self) -> Iterator[tuple[bytes, int]]:
        """The packed keys of tasks that have a result, and where each begins. No code of a value is run."""
        if not self._size:
            return
        file, offset = self._file, 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            suspects = _Suspects(data)
            while offset < self._size:
                file.seek(offset)
                try:
                    while offset < self._size:
                        if suspects.has(offset):
                            _check_memo(file)
                            file.seek(offset)
                        key = _key_of(_Skimmer(file).load())
                        if key is not None:
                            yield packed_key(key), offset
                        offset = file.tell()
                except Exception:  # noqa: BLE001 - what bytes that are no pickle make of an unpickler is not foreseen
                    offset = self._next(data, offset)

    def _next(self, data: mmap.mmap, offset: int) -> int:
        """Where the next pickle begins after one that cannot be read."""
        found = _BEGINNING.search(data, offset + 1)
        if found is not None:
            self.damaged += 1
            return found.start()
        self.torn = self._size - offset
        return self._size

    def facts(self, offset: int) -> Facts:
        """What is known about the task at an offset; raises as :meth:`value` does."""
        return Facts(str(self._record(offset, skim=True)["hash"]), self.created)

    def value(self, offset: int, key: bytes) -> Any:
        """The result of the task at an offset. This runs the code by which it is rebuilt.

        Raises:
            DamagedRecord: it is another task's, or cannot be rebuilt here.
            OSError: the file cannot be read.
        """
        record = self._record(offset, skim=False)
        if packed_key(str(record["hash"])) != key:
            raise DamagedRecord(self.path, "is another one's", offset)
        return record["result"]

    def raw(self, offset: int) -> tuple[bytes, bytes]:
        """Head and body of a record of ours with the task at an offset; raises as :meth:`value` does."""
        key = str(self._record(offset, skim=True)["hash"])
        end = self._file.tell()
        self._file.seek(offset)
        return encode_head(packed_key(key), self.created), self._file.read(end - offset)

    def size(self, offset: int) -> int:
        """The length in bytes of the task at an offset; raises as :meth:`value` does."""
        self._record(offset, skim=True)
        return self._file.tell() - offset

    def _record(self, offset: int, *, skim: bool) -> dict[str, Any]:
        self._file.seek(offset)
        try:
            record = (_Skimmer if skim else pickle.Unpickler)(self._file).load()
        except BaseException as error:  # a value is rebuilt by code of its own
            if is_interrupt(error):
                raise
            raise DamagedRecord(self.path, f"cannot be read: {unreadable('it', error).reason}", offset) from error
        if _key_of(record) is None:
            raise DamagedRecord(self.path, "holds no result", offset)
        found: dict[str, Any] = record
        return found

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class _Suspects:
    """Finds the pickles that are to be looked at before an unpickler is: few, for it takes long.

    Args:
        data: The file.
    """

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._next = 0

    def has(self, begin: int) -> bool:
        """Whether what begins there may ask for much memory; called with growing places."""
        if begin > self._next or not self._next:
            found = _FAR.search(self._data, begin)
            self._next = len(self._data) if found is None else found.start()
        following = _BEGINNING.search(self._data, begin + 1)
        return self._next < (len(self._data) if following is None else following.start())


def _check_memo(file: IO[bytes]) -> None:
    """Read over a pickle, and refuse one that an unpickler would ask for much memory for.

    An unpickler has a list of what it has made so far, and a pickle says at which place of it something belongs. One
    damaged byte, and that is place 4,000,000,000.

    Raises:
        ValueError: it says so before it can have made as much, or is no pickle.
    """
    from pickletools import genops

    for made, (opcode, place, _) in enumerate(genops(file)):
        if opcode.name == "LONG_BINPUT" and isinstance(place, int) and place > made:
            raise ValueError(f"the pickle has made no more than {made} objects and speaks of number {place}")


def _key_of(record: object) -> str | None:
    """The key of a task that has a result; None if what was read is none."""
    if not isinstance(record, dict) or "result" not in record or record.get("exception") is not None:
        return None
    key = record.get("hash")
    return key if isinstance(key, str) else None


class _Anything:
    """Stands for every class and function while keys are read: takes whatever an unpickler does to what it made."""

    def __new__(cls, *_: object, **__: object) -> _Anything:
        return super().__new__(cls)

    def __call__(self, *_: object, **__: object) -> _Anything:
        return self

    def __setstate__(self, _: object) -> None: ...

    def __setitem__(self, _: object, __: object) -> None: ...

    def __hash__(self) -> int:
        return id(self)

    def append(self, _: object) -> None: ...

    def extend(self, _: object) -> None: ...

    def add(self, _: object) -> None: ...


class _Skimmer(pickle.Unpickler):
    """Reads a pickle without importing anything: what would be made of values is nobody's concern yet."""

    def find_class(self, _module: str, _name: str) -> type[_Anything]:
        return _Anything

    def persistent_load(self, _: object) -> _Anything:
        return _Anything()


def write_parsl(path: str, results: Iterable[tuple[str, Any]]) -> int:
    """Write a ``tasks.pkl`` as Parsl does, and give how many results are in it. It replaces what is there in one step.

    Args:
        path: The file.
        results: Keys, which should be Parsl's, and values.

    Raises:
        SerializationError: a value cannot be written.
        OSError: the file cannot be written.
    """
    from parsl_like.memo.entries import pickled

    new = f"{path}.{os.getpid()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    written = 0
    try:
        with open(os.open(new, flags, 0o600), "wb") as file:
            for key, value in results:
                file.write(_whole(key, value, pickled))
                written += 1
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        if os.path.lexists(new):
            os.unlink(new)
    return written


def _whole(key: str, value: Any, pickled: Any) -> bytes:
    record = {"hash": key, "exception": None, "result": value}
    try:
        return pickle.dumps(record, 4)  # what interpreters of Parsl 1.2's time know
    except Exception:  # noqa: BLE001 - another way to pickle it says what is wrong, if something is
        done: bytes = pickled(record)
        return done
