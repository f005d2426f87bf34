"""Finding the results that earlier runs have left: which files there are, what is in them, what is not used and why."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.journal.errors import JournalError
from parsl_like.memo.index import checkpoint_paths, described, forget_old, open_checkpoint
from parsl_like.memo.logfile import ResultLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.memo.index import CheckpointFile, Index, Shelf


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """What was found in one file.

    Attributes:
        path: The file, or the folder that could not be looked into.
        results: How many results it has.
        is_parsl: Whether Parsl wrote it.
        damaged: How many stretches of it are not what was written; the results in them will be computed again.
        torn: How many bytes at its end are the beginning of a result, as its writer was killed, or still writes it.
        refused: Why nothing of it is used; None if it is.
    """

    path: str
    results: int = 0
    is_parsl: bool = False
    damaged: int = 0
    torn: int = 0
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What has been found of earlier results; its text is a sentence for a log.

    Attributes:
        results: How many there are, each counted once.
        files: What was found in each file.
        seconds: How long it took.
    """

    results: int
    files: tuple[LoadedFile, ...]
    seconds: float = 0.0

    @property
    def refused(self) -> tuple[LoadedFile, ...]:
        """The files and folders that are not used."""
        return tuple(file for file in self.files if file.refused is not None)

    @property
    def damaged(self) -> int:
        """How many stretches could not be read."""
        return sum(file.damaged for file in self.files)

    @property
    def troubles(self) -> list[str]:
        """What is to be told to the user, a sentence for each file that is not used or damaged."""
        told = [f"The checkpoint {file.path} is not used: {file.refused}" for file in self.refused]
        for file in self.files:
            if file.damaged:
                places = f"{file.damaged} place" + ("" if file.damaged == 1 else "s")
                told.append(f"The checkpoint {file.path} is damaged in {places}; what was there is computed again.")
        return told

    def __str__(self) -> str:
        used = len(self.files) - len(self.refused)
        text = f"{self.results} remembered results in {used} checkpoint file(s), loaded in {self.seconds:.2f} s"
        if self.damaged:
            text += f"; {self.damaged} damaged"
        return text + (f"; {len(self.refused)} refused" if self.refused else "")


def load(former: Sequence[str], own: str, index: Index, shelf: Shelf) -> Loaded:
    """Find results. Where a key is in several files, the file that was begun last counts.

    Args:
        former: Checkpoint folders of earlier runs, or their run directories, or single files.
        own: The folder of this run, which need not be there.
        index: Is told where each result is.
        shelf: Takes over the files.
    """
    start = time.perf_counter()
    files = list[LoadedFile]()
    forgotten: dict[bytes, float] = {}
    for path in _in_order(_paths(former, own, files), files):
        try:
            files.append(_take(open_checkpoint(path), index, shelf, forgotten))
        except (JournalError, OSError) as error:
            files.append(LoadedFile(path, refused=described(error)))
    forget_old(index, shelf, forgotten)
    return Loaded(len(index), tuple(files), time.perf_counter() - start)


def _paths(former: Sequence[str], own: str, files: list[LoadedFile]) -> list[str]:
    paths: dict[str, None] = {}
    for place in [*former, own]:
        try:
            paths |= dict.fromkeys(checkpoint_paths(place))
        except OSError as error:
            if place != own or not isinstance(error, FileNotFoundError):
                files.append(LoadedFile(place, refused=described(error)))
    return list(paths)


def _in_order(paths: list[str], files: list[LoadedFile]) -> list[str]:
    """Those that can be used, by when they were begun."""
    begun = []
    for path in paths:
        try:
            file = open_checkpoint(path)
        except (JournalError, OSError) as error:
            files.append(LoadedFile(path, refused=described(error)))
        else:
            begun.append((file.created, path))
            file.close()  # there may be more of them than a program can have open
    return [path for _, path in sorted(begun)]


def _take(opened: CheckpointFile, index: Index, shelf: Shelf, forgotten: dict[bytes, float]) -> LoadedFile:
    number = shelf.put(opened)
    with shelf.reading(number) as file:
        results = index.put_all(number, file.index())
        if isinstance(file, ResultLog):
            for key, moment in file.forgotten.items():
                forgotten[key] = max(moment, forgotten.get(key, 0.0))
        return LoadedFile(file.path, results, file.is_parsl, file.damaged, file.torn)
