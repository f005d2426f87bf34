"""Directories into which files are brought: no name leads out of them, and each file comes once."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from contextlib import contextmanager
from hashlib import blake2s
from typing import IO, TYPE_CHECKING, Any

from parsl_like.errors import StagingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = ".parsl_like"
"""The directory beside staged files that has a note for each of them."""

PATIENCE_S = 600.0
"""How long another process that brings the same file is waited for; after that each brings its own."""

_LOOK_S = (0.01, 0.25)
"""Seconds between two looks whether it has ended: first, and at most."""


def inside(folder: str, name: str, url: str) -> str:
    """The path of a name within a directory, which may have directories of its own.

    Args:
        folder: A directory; "" for the current one.
        name: A relative path, its parts separated by ``/``.
        url: What it is made of, for the error.

    Raises:
        StagingError: it leads out of the directory, or is no name of a file.
    """
    parts = name.split("/")
    if (
        not name
        or any(part in ("", ".", "..") for part in parts)
        or "\0" in name
        or "\\" in name
        or os.path.isabs(name)
    ):
        raise StagingError(url, f"{name!r} is no name of a file in a directory of staged files")
    if os.name == "nt" and ":" in name:
        raise StagingError(url, f"{name!r} is no name of a file on this system")
    return os.path.join(folder, *parts)


def stays_inside(folder: str, path: str, url: str) -> None:
    """Look, where the file will be, that no symbolic link leads its directory out of the place.

    Args:
        folder: The place; "" for the current directory.
        path: The file in it.
        url: What it is made of, for the error.

    Raises:
        StagingError: one does.
    """
    root, there = os.path.realpath(folder or "."), os.path.realpath(os.path.dirname(path) or ".")
    if os.path.commonpath([root, there]) != root:
        raise StagingError(url, f"{os.path.dirname(path)} leads out of {folder or 'the working directory'}, to {there}")


def once(path: str, token: str, bring: Callable[[], Any], patience: float = PATIENCE_S) -> bool:
    """Bring a file if it is not there yet; whoever wants the same file on this host meanwhile waits for it.

    A note beside the file says for which token it was brought, and how it looked then: a file that was changed since,
    or was brought for another token, is brought again.

    Args:
        path: The file.
        token: What must be the same for a file to be the same: the URL and the run, say.
        bring: Brings it.
        patience: Seconds that others have for it.

    Returns:
        Whether it was brought.

    Raises:
        StagingError: it could not be brought.
    """
    with _note(path, patience) as note:
        if note is not None and _read(note) == [token, *_look(path)] and os.path.exists(path):
            return False
        bring()
        if note is not None:
            _write(note, path, token)
    return True


def has_come(path: str, token: str, patience: float = PATIENCE_S) -> None:
    """Note that a file that was made here is what a token stands for: nobody has to bring it.

    Args:
        path: The file.
        token: As for :func:`once`.
        patience: Seconds that others have for it.
    """
    with _note(path, patience) as note:
        if note is not None:
            _write(note, path, token)


def _read(note: IO[str]) -> list[Any] | None:
    note.seek(0)
    try:
        found = json.loads(note.read() or "null")
    except ValueError:  # whoever wrote it was killed
        return None
    return found if isinstance(found, list) else None


def _write(note: IO[str], path: str, token: str) -> None:
    with contextlib.suppress(OSError):  # a full disk: then the file is brought once more
        note.seek(0)
        note.truncate()
        note.write(json.dumps([token, *_look(path)]))
        note.flush()


def _look(path: str) -> list[Any]:
    try:
        found = os.stat(path)
    except OSError:
        return [None]
    return [found.st_size, found.st_mtime_ns, found.st_ino]


@contextmanager
def _note(path: str, patience: float) -> Iterator[IO[str] | None]:
    """The note of a file, held alone; None where none can be had, or only one that somebody else has put there."""
    try:
        descriptor = _opened(path)
    except OSError:
        yield None
        return
    with open(descriptor, "r+", encoding="utf-8") as note:
        yield note if _held(note, patience) else None


def _opened(path: str) -> int:
    folder, name = os.path.split(os.path.abspath(path))
    notes = os.path.join(folder, FOLDER)
    os.makedirs(notes, exist_ok=True)
    if not is_ours(os.lstat(notes)):
        raise PermissionError(errno.EPERM, "somebody else's", notes)
    name = blake2s(os.fsencode(name), digest_size=10).hexdigest()
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(os.path.join(notes, name), flags, 0o666)
    if not is_ours(os.fstat(descriptor)):
        os.close(descriptor)
        raise PermissionError(errno.EPERM, "somebody else's", notes)
    return descriptor


def is_ours(found: os.stat_result) -> bool:
    """Whether it is a file or directory of this user: in a directory for all, others may put theirs in our way."""
    mine = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return mine and (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode))


def _held(note: IO[str], patience: float) -> bool:
    """Whether it is held alone; the system lets go of it when it is closed, or its process dies."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return False
    begun, pause = time.monotonic(), _LOOK_S[0]
    while True:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() - begun > patience:
                return False
            time.sleep(pause)  # and not in the system, where no walltime would reach it
            pause = min(2 * pause, _LOOK_S[1])
        except OSError:  # a file system without locks
            return False
