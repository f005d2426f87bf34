"""Files taken out of ZIP archives and put in (APPNOTE 6.3), one at a time and whole."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from parsl_like.errors import StagingError
from parsl_like.remote.transfers.fetch import Moved
from parsl_like.remote.transfers.landing import Landing
from parsl_like.remote.transfers.limits import DEFAULT
from parsl_like.remote.transfers.places import is_ours, stays_inside
from parsl_like.remote.transfers.progress import Progress
from parsl_like.remote.transfers.trouble import Trouble, of_files

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 256 * 1024
"""Bytes that are read at once."""

PATIENCE_S = 600.0
"""How long another task that has the archive open is waited for."""

_LOOK_S = (0.01, 0.25)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Others may put links into a directory for all, that lead to our files."""


class Member(NamedTuple):
    """A file in an archive, and beside it.

    Attributes:
        url: What names both, for errors.
        archive: The archive's path.
        name: The member's, with ``/``.
        path: Where the file is, or shall be.
        folder: The place that it must not leave; "" for the current directory.
    """

    url: str
    archive: str
    name: str
    path: str
    folder: str = ""


def unpack(member: Member, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Moved:
    """Take a file out of an archive: in the end the whole of it is there, or nothing is.

    Args:
        member: The file.
        after: What had to be waited for.

    Raises:
        StagingError: there is no such archive or member, it is damaged, encrypted, a link, or has no room.
    """
    begun = time.monotonic()
    stays_inside(member.folder, member.path, member.url)
    lock = _beside(member.archive, "lock")
    # Who only reads need not hold it, and leaves none where nobody has written: what members hold is not written over.
    held = os.path.exists(lock)
    try:
        try:
            size = _read_out(member, held=held)
        except Trouble:
            if held or not os.path.exists(lock):
                raise
            size = _read_out(member, held=True)  # somebody has begun to write meanwhile
    except Trouble as trouble:
        raise StagingError(member.url, trouble.reason) from trouble.__cause__
    return Moved(member.url, os.path.abspath(member.path), size, time.monotonic() - begun, 1, {})


def pack(member: Member, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Moved:
    """Put a file into an archive, which is made if there is none; it is as it was if that fails.

    A member of the same name gives way. The archive's directory, which has to be written over, is kept beside it
    until the new one is complete: when this process is killed meanwhile, the next one mends the archive.

    Args:
        member: The file.
        after: What had to be waited for.

    Raises:
        StagingError: the file cannot be read or the archive not be written.
    """
    begun = time.monotonic()
    try:
        if not os.path.isfile(member.path):
            raise Trouble(f"{member.path} is no file that could be put into it")
        _make(os.path.dirname(member.archive) or ".")
        with _held(member.archive), _kept(member.archive):
            size = _copy_in(member)
    except Trouble as trouble:
        raise StagingError(member.url, trouble.reason) from trouble.__cause__
    return Moved(member.url, os.path.abspath(member.path), size, time.monotonic() - begun, 1, {})


def _read_out(member: Member, *, held: bool) -> int:
    with _held(member.archive) if held else contextlib.nullcontext(), _opened(member.archive) as archive:
        return _copy_out(archive, member)


def _copy_out(archive: zipfile.ZipFile, member: Member) -> int:
    try:
        info = archive.getinfo(member.name)
    except KeyError as error:
        raise Trouble(f"{member.archive} has no member {member.name!r}") from error
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or info.is_dir():
        raise Trouble(f"{member.name!r} is a link, a directory or a device in {member.archive}, and no file")
    if info.flag_bits & 1:
        raise Trouble(f"{member.name!r} is encrypted in {member.archive}")
    progress = Progress(member.url, os.path.abspath(member.path), DEFAULT.progress_period)
    with Landing(member.path, info.file_size, progress=progress) as landing:
        landing.expect(info.file_size)
        try:
            with archive.open(info) as source:
                while chunk := source.read(CHUNK):
                    landing.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise Trouble(f"{member.name!r} is damaged in {member.archive}: {error}") from error
        landing.complete()
        return landing.there


def _copy_in(member: Member) -> int:
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(member.archive, "a", zipfile.ZIP_DEFLATED) as archive:
            warnings.simplefilter(
                "ignore", UserWarning
            )  # a member of that name: the later one is the one that is found
            info = zipfile.ZipInfo.from_file(member.path, member.name, strict_timestamps=False)
            info.compress_type = zipfile.ZIP_DEFLATED
            progress = Progress(member.url, os.path.abspath(member.path), DEFAULT.progress_period)
            progress.begin(info.file_size)
            with open(member.path, "rb") as source, archive.open(info, "w") as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
                    progress.add(len(chunk))
            return info.file_size
    except zipfile.BadZipFile as error:
        raise Trouble(f"{member.archive} is no ZIP archive: {error}") from error
    except OSError as error:
        raise of_files(error, f"writing {member.archive}") from error


@contextmanager
def _opened(path: str) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise Trouble(f"there is no archive {path}") from error
    except zipfile.BadZipFile as error:
        raise Trouble(f"{path} is no ZIP archive: {error}") from error
    except OSError as error:
        raise of_files(error, f"reading {path}") from error
    with archive:
        yield archive


# --- one at a time, and whole


@contextmanager
def _held(path: str) -> Iterator[None]:
    """An archive that nobody else of this package changes meanwhile, mended if somebody was killed who did."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_LINK
        lock = open(os.open(_beside(path, "lock"), flags, 0o666), "a", encoding="utf-8")  # noqa: SIM115 - entered below
    except OSError:  # a directory where nothing can be written: nobody changes the archive there
        yield
        return
    with lock:
        _wait_for(lock, path)
        try:
            _mend(path)
        except OSError as error:
            raise of_files(error, f"mending {path}") from error
        yield


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise of_files(error, f"making {folder}") from error


def _wait_for(lock: IO[str], path: str) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    begun, pause = time.monotonic(), _LOOK_S[0]
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() - begun > PATIENCE_S:
                raise Trouble(f"another task has held {path} for {PATIENCE_S:.0f} s") from None
            time.sleep(pause)
            pause = min(2 * pause, _LOOK_S[1])
        except OSError:  # a file system without locks
            return


@contextmanager
def _kept(path: str) -> Iterator[None]:
    """Whatever happens meanwhile, the archive is whole afterwards."""
    undo = _beside(path, "undo")
    try:
        begin, directory = _directory(path)
        _keep(undo, json.dumps([begin, len(directory)]).encode() + b"\n" + directory)
    except zipfile.BadZipFile as error:
        raise Trouble(f"{path} is no ZIP archive: {error}") from error
    except OSError as error:
        raise of_files(error, f"writing beside {path}") from error
    try:
        yield
    except BaseException:
        _mend(path)
        raise
    os.unlink(undo)


def _keep(undo: str, text: bytes) -> None:
    with open(undo, "xb") as kept:
        try:
            kept.write(text)
            kept.flush()
            os.fsync(kept.fileno())
        except BaseException:
            os.unlink(undo)
            raise


def _directory(path: str) -> tuple[int, bytes]:
    """Where the archive's directory begins, and all that follows: what adding a member writes over."""
    if not os.path.exists(path):
        return -1, b""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        file.seek(archive.start_dir)
        return archive.start_dir, file.read()


def _mend(path: str) -> None:
    """Put back what somebody has written over who did not come to an end."""
    undo = _beside(path, "undo")
    try:
        with open(os.open(undo, os.O_RDONLY | _NO_LINK), "rb") as kept:
            if not _is_trusted(os.fstat(kept.fileno()), path):
                raise PermissionError(errno.EPERM, f"{undo} is of somebody else, who may have died; remove it")
            head, directory = kept.readline(), kept.read()
            begin, length = json.loads(head)
    except FileNotFoundError:
        return
    except ValueError:  # killed while it was written, and so before anything else
        os.unlink(undo)
        return
    if len(directory) == length:
        if begin < 0:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        else:
            with open(path, "r+b") as file:
                file.seek(begin)
                file.write(directory)
                file.truncate()
    os.unlink(undo)


def _is_trusted(undo: os.stat_result, path: str) -> bool:
    """Whether a kept directory is of this user or the archive's: in a directory for all, anybody could put one."""
    return is_ours(undo) or (os.path.exists(path) and os.stat(path).st_uid == undo.st_uid)


def _beside(path: str, kind: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{kind}")
