"""Canonical forms of files: by content, by size and time, or by name, as a run has chosen.

A file's URL counts in any case: what an app makes of a file may hold its name. Only files that this machine can see are
looked at; what is behind another URL, what is not there yet and what a task will make are known by their URL alone.
"""

from __future__ import annotations

import os
import stat
from contextvars import ContextVar
from hashlib import blake2b
from typing import Any, Literal

from parsl_like.memo.canonical import class_name, form_of, framed, rule
from parsl_like.memo.errors import MemoKeyError

FileRule = Literal["content", "time", "name"]

CHOSEN: ContextVar[FileRule] = ContextVar("files", default="content")
"""How the key that is being made looks at files."""

PIECE = 1 << 20
"""Bytes of a file that are in memory at a time."""

KEPT = 65_536
"""Files whose content is remembered by size, times and inode, so that it is read once and not once per task."""

_digests: dict[tuple[Any, ...], bytes] = {}


@rule("parsl_like.data_provider.files.File", inherited=True, constant=False)
def _file(obj: Any, output_ref: bool = False) -> bytes:
    seen = b"" if output_ref or obj.scheme != "file" else _look(obj.path, CHOSEN.get())
    return framed(b"file", class_name(type(obj)), form_of(obj.url), seen)


@rule("parsl_like.dataflow.datafutures.DataFuture", constant=False)
def _promised(obj: Any, output_ref: bool = False) -> bytes:
    """The place of a file that a task makes: only as an output, since an input is there before a key is made."""
    if output_ref:
        return form_of(obj.file_obj, True)
    raise MemoKeyError("a DataFuture", hint="pass it as an argument of its own or in inputs, where it is waited for.")


def _look(path: str, chosen: FileRule) -> bytes:
    if chosen == "name":
        return b""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return framed(b"folder", *(part for pair in _members(path, chosen) for part in pair))
        if chosen == "time" or not stat.S_ISREG(status.st_mode):
            return framed(b"time", b"%d" % status.st_size, b"%d" % status.st_mtime_ns)
        return framed(b"content", _content(path, status))
    except FileNotFoundError:
        return framed(b"absent")
    except OSError as error:
        raise MemoKeyError(f"file {path} cannot be read: {error.strerror}") from error


def _members(folder: str, chosen: FileRule) -> list[tuple[bytes, bytes]]:
    return [(os.fsencode(name), _member(os.path.join(folder, name), chosen)) for name in sorted(os.listdir(folder))]


def _member(path: str, chosen: FileRule) -> bytes:
    if os.path.islink(path) and os.path.isdir(path):  # it may lead back to where it is
        return framed(b"link", os.fsencode(os.readlink(path)))
    return _look(path, chosen)


def _content(path: str, status: os.stat_result) -> bytes:
    state = (path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    digest = _digests.get(state)
    if digest is None:
        digest = _read(path)
        # A write within the grain of the clock after this reading would not show in the times.
        if _is_settled(status):
            if len(_digests) >= KEPT:
                _digests.clear()
            _digests[state] = digest
    return digest


def _is_settled(status: os.stat_result) -> bool:
    from time import time_ns

    return abs(time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)) > SETTLED_NS


SETTLED_NS = 2_000_000_000
"""Nanoseconds for which a file must not have changed before what it holds is known by its times: FAT counts in 2 s."""


def _read(path: str) -> bytes:
    digest = blake2b(digest_size=32)
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.digest()
