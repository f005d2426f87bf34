"""Where each remembered result is: in memory a key and a place for each, on disk everything else."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from parsl_like.journal.errors import DamagedRecord
from parsl_like.memo.logfile import ResultLog, is_result_log
from parsl_like.memo.parsl_pickles import ParslFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    CheckpointFile = ResultLog | ParslFile

CHECKPOINT_FILE: Final = "tasks.pkl"
CHECKPOINT_FOLDER: Final = "checkpoint"
_STEM, _ENDING = os.path.splitext(CHECKPOINT_FILE)

MOST_OPEN: Final = 32
"""Files that are kept open; the descriptors of a program with hundreds of earlier runs are for its tasks."""
_OFFSET_BITS: Final = 44
_OFFSETS: Final = (1 << _OFFSET_BITS) - 1


def open_checkpoint(path: str) -> CheckpointFile:
    """A file of a checkpoint, ours or Parsl's.

    Raises:
        UntrustedFile: somebody else may have written it.
        NotALog: it is a log of something else, or of a version that is not known here.
        OSError: it cannot be read.
    """
    return ResultLog(path) if is_result_log(path) else ParslFile(path)


def checkpoint_path(folder: str, number: int) -> str:
    """The name of a folder's file; there is a second where two programs have written to the same folder."""
    return os.path.join(folder, CHECKPOINT_FILE if not number else f"{_STEM}-{number}{_ENDING}")


def checkpoint_paths(place: str) -> list[str]:
    """The files of a checkpoint, in the order of their numbers.

    Args:
        place: A checkpoint's folder, the directory of the run that it is in, or one of its files.

    Raises:
        FileNotFoundError: there is no such place.
        OSError: it cannot be looked into.
    """
    if os.path.isfile(place):
        return [place]
    names = os.listdir(place)
    if CHECKPOINT_FOLDER in names and not any(_number(name) is not None for name in names):
        return checkpoint_paths(os.path.join(place, CHECKPOINT_FOLDER))
    numbered = sorted((number, name) for name in names if (number := _number(name)) is not None)
    return [os.path.join(place, name) for _, name in numbered]


def _number(name: str) -> int | None:
    """Which of a folder's files one is; None if it is none of them."""
    if name == CHECKPOINT_FILE:
        return 0
    digits = name.removeprefix(f"{_STEM}-").removesuffix(_ENDING)
    is_one = digits.isascii() and digits.isdigit() and name == f"{_STEM}-{int(digits)}{_ENDING}"
    return int(digits) if is_one else None


@dataclass(slots=True)
class _Known:
    path: str
    identity: tuple[int, int]
    is_parsl: bool


class Shelf:
    """The files that results are in; opens them when they are wanted and keeps a few open. Any thread may ask."""

    def __init__(self) -> None:
        self._known: list[_Known] = []
        self._open: OrderedDict[int, CheckpointFile] = OrderedDict()
        self._reading = threading.RLock()

    def put(self, file: CheckpointFile) -> int:
        """Take over a file that is open, and give its number."""
        with self._reading:
            self._known.append(_Known(file.path, file.identity, file.is_parsl))
            number = len(self._known) - 1
            self._keep(number, file)
            return number

    def path(self, number: int) -> str:
        """Where a file is."""
        return self._known[number].path

    def is_parsl(self, number: int) -> bool:
        """Whether a file is one of Parsl's."""
        return self._known[number].is_parsl

    @contextmanager
    def reading(self, number: int) -> Iterator[CheckpointFile]:
        """A file, for one thread at a time.

        Raises:
            DamagedRecord: another file has its name now.
            JournalError, OSError: it cannot be opened again.
        """
        with self._reading:
            file = self._open.get(number)
            if file is None:
                known = self._known[number]
                file = ParslFile(known.path) if known.is_parsl else ResultLog(known.path)
                if file.identity != known.identity:
                    file.close()
                    raise DamagedRecord(known.path, "is gone: the file has been replaced", 0)
                self._keep(number, file)
            self._open.move_to_end(number)
            yield file

    def _keep(self, number: int, file: CheckpointFile) -> None:
        self._open[number] = file
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)[1].close()

    def close(self) -> None:
        """Release what is open."""
        with self._reading:
            while self._open:
                self._open.popitem()[1].close()


class Index:
    """Keys and where their results are; used under its owner's lock.

    Attributes:
        places: By packed key, the number of the file and the offset in it; to be read.
    """

    def __init__(self) -> None:
        self.places: dict[bytes, int] = {}

    def put(self, key: bytes, number: int, offset: int) -> None:
        """A result is there, whatever was known before."""
        self.places[key] = number << _OFFSET_BITS | offset

    def put_many(self, number: int, keys: Sequence[bytes], offsets: Sequence[int]) -> None:
        """Results of one file are there, whatever was known before."""
        high = number << _OFFSET_BITS
        self.places.update(zip(keys, map(high.__or__, offsets), strict=True))

    def put_all(self, number: int, found: Iterator[tuple[bytes, int]]) -> int:
        """All results of a file are there; gives how many it has."""
        places, high, count = self.places, number << _OFFSET_BITS, 0
        for key, offset in found:
            places[key] = high | offset
            count += 1
        return count

    def place(self, key: bytes) -> tuple[int, int] | None:
        """The number of the file and the offset in it; None if the key is not known."""
        place = self.places.get(key)
        return None if place is None else (place >> _OFFSET_BITS, place & _OFFSETS)

    def drop(self, key: bytes) -> None:
        """A result is not there any more."""
        self.places.pop(key, None)

    def items(self) -> Iterator[tuple[bytes, int, int]]:
        """Every packed key with the number of its file and the offset in it."""
        for key, place in self.places.items():
            yield key, place >> _OFFSET_BITS, place & _OFFSETS

    def __contains__(self, key: object) -> bool:
        return key in self.places

    def __len__(self) -> int:
        return len(self.places)


def forget_old(index: Index, shelf: Shelf, forgotten: dict[bytes, float]) -> None:
    """Drop results that are no younger than the moment at which they were forgotten.

    Args:
        index: Where results are.
        shelf: Their files.
        forgotten: The moments by packed key, in seconds since the epoch; that of an empty key holds for all.
    """
    if not forgotten:
        return
    of_all = forgotten.get(b"", 0.0)
    asked: list[tuple[bytes, int, int]] = []
    if of_all:
        asked = list(index.items())
    else:
        for key in forgotten:
            if (place := index.place(key)) is not None:
                asked.append((key, *place))
    for key, number, offset in asked:
        if _time_of(shelf, number, offset) <= max(of_all, forgotten.get(key, 0.0)):
            index.drop(key)


def _time_of(shelf: Shelf, number: int, offset: int) -> float:
    try:
        with shelf.reading(number) as file:
            return file.facts(offset).time
    except (DamagedRecord, OSError):  # nobody knows how old it is
        return 0.0


def described(error: Exception) -> str:
    """An error in a few words."""
    text: Any = error.strerror if isinstance(error, OSError) and error.strerror else error
    return str(text)
