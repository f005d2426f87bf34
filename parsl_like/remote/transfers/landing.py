"""Where a file arrives: without a name of its own until all of it is there and right."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from typing import TYPE_CHECKING, BinaryIO, Self

from parsl_like.remote.transfers.trouble import Trouble, of_files

if TYPE_CHECKING:
    from parsl_like.remote.transfers.progress import Progress

BUFFER = 1024 * 1024
"""Bytes that are gathered before they are written."""

_NO_UNNAMED = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}
"""How file systems and kernels say that they know no files without a name."""


FULL = {errno.ENOSPC, errno.EDQUOT}
"""How systems say that there is no room."""


class Landing:
    """A file on its way in; whatever happens, there is the whole file at its path afterwards, or what was there before.

    Where the file system can do it (Linux: open(2), O_TMPFILE), the file has no name at all until it is complete, and
    so is gone with a process that is killed; elsewhere it has a hidden name beside its own.

    Args:
        path: Where it will be; the directory is made where it is missing.
        size: Bytes that it must have, if that is known.
        digests: Checksums that it must have: hexadecimal digits by algorithm.
        progress: Says how far it is; None for nobody.

    Attributes:
        there: Bytes that have arrived.
        mark: By what the server knows this content again (an ETag, a time); kept for who resumes.
    """

    def __init__(
        self,
        path: str,
        size: int | None = None,
        digests: dict[str, str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.path = os.path.abspath(path)
        self.there = 0
        self.mark: str | None = None
        self._wanted = size
        self._told: int | None = None
        self._given = dict(digests or {})
        self._digests = dict(self._given)
        self._hashes = {name: _hash(name) for name in self._digests}
        self._file: BinaryIO | None = None
        self._part: str | None = None
        self._progress = progress

    def __enter__(self) -> Self:
        folder = os.path.dirname(self.path)
        try:
            os.makedirs(folder, exist_ok=True)
            self._file = open(self._opened(folder), "w+b", buffering=BUFFER)
        except OSError as error:
            raise of_files(error, f"making a file in {folder}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # it holds what the disk does not take, which has been told
                self._file.close()
        if self._part is not None:
            with contextlib.suppress(OSError):  # gone with its directory, say
                os.unlink(self._part)

    def expect(self, size: int | None, digests: dict[str, str] | None = None) -> None:
        """What the server says of the whole file; what the caller has said counts more.

        Raises:
            Trouble: the server's is another size, or the disk has no room for it.
        """
        self._told = size
        if size is not None and self._wanted is not None and size != self._wanted:
            raise Trouble(f"the server has {size} bytes of it, and {self._wanted} were expected")
        for name, digest in (digests or {}).items():
            if name not in self._given:
                self._digests[name] = digest
                if not self.there:
                    self._hashes[name] = _hash(name)
        wanted = size if size is not None else self._wanted
        if wanted is not None:
            self._make_sure_of_room(wanted - self.there)

    def write(self, chunk: bytes) -> None:
        """Add some bytes.

        Raises:
            Trouble: the disk does not take them, or there are more than there should be.
        """
        whole = self._told if self._told is not None else self._wanted
        if whole is not None and self.there + len(chunk) > whole:
            raise Trouble(f"the server sent more than the {whole} bytes that the file has", transient=True)
        try:
            self._open_file().write(chunk)
        except OSError as error:
            raise of_files(error, f"writing {self.path}") from error
        for running in self._hashes.values():
            running.update(chunk)
        self.there += len(chunk)
        if self._progress is not None:
            self._progress.at(self.there, whole)

    def restart(self) -> None:
        """Begin again with nothing."""
        file = self._open_file()
        try:
            file.seek(0)
            file.truncate()
        except OSError as error:
            raise of_files(error, f"writing {self.path}") from error
        self.there, self.mark, self._told = 0, None, None
        self._digests = dict(self._given)
        self._hashes = {name: _hash(name) for name in self._digests}

    def complete(self) -> dict[str, str]:
        """Check the file and give it its name; its checksums, as far as they were asked for.

        Raises:
            Trouble: it is not what it should be, or cannot get its name.
        """
        for size in (self._told, self._wanted):
            if size is not None and self.there != size:
                raise Trouble(f"only {self.there} of {size} bytes came", transient=True)
        found = {name: self._digest(name) for name in self._digests}
        for name, digest in found.items():
            wanted = self._digests[name]
            if digest != wanted:
                self.restart()
                raise Trouble(f"its {name} is {digest}, and should be {wanted}", transient=True)
        try:
            self._name_it()
        except OSError as error:
            raise of_files(error, f"writing {self.path}") from error
        return found

    # --- parts ---------------------------------------------------------------------------------------------------

    def _opened(self, folder: str) -> int:
        unnamed = getattr(os, "O_TMPFILE", 0)
        if unnamed and os.path.isdir("/proc/self/fd"):
            try:
                return os.open(folder, unnamed | os.O_RDWR | os.O_CLOEXEC, 0o666)
            except OSError as error:
                if error.errno not in _NO_UNNAMED:
                    raise
        part = self._hidden(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):
            flags |= getattr(os, name, 0)
        descriptor = os.open(part, flags, 0o666)
        self._part = part
        return descriptor

    def _hidden(self, folder: str) -> str:
        name = os.path.basename(self.path)
        if len(os.fsencode(name)) > 200:  # most file systems allow 255 bytes
            name = ""
        return os.path.join(folder, f".{name}.{secrets.token_hex(8)}.part")

    def _name_it(self) -> None:
        file = self._open_file()
        file.flush()
        part = self._part
        if part is None:
            part = self._hidden(os.path.dirname(self.path))
            try:
                # With a directory given, though it has no meaning for an absolute path: else Python calls link(2),
                # which would make a second name of the symbolic link and not of the file.
                os.link(f"/proc/self/fd/{file.fileno()}", part, src_dir_fd=file.fileno())
                self._part = part
            except OSError as error:
                if error.errno in FULL:
                    raise
                self._copy(file, part)  # there are file systems that make files without names and cannot name them
        file.close()
        os.replace(part, self.path)
        self._part = None

    def _copy(self, file: BinaryIO, part: str) -> None:
        file.seek(0)
        with open(part, "xb") as named:
            self._part = part
            shutil.copyfileobj(file, named, BUFFER)

    def _digest(self, name: str) -> str:
        if name not in self._hashes:  # the server has named it after some of the file had come
            file = self._open_file()
            file.flush()
            file.seek(0)
            running = _hash(name)
            while chunk := file.read(BUFFER):
                running.update(chunk)
            self._hashes[name] = running
        return self._hashes[name].hexdigest()

    def _make_sure_of_room(self, wanted: int) -> None:
        folder = os.path.dirname(self.path)
        try:
            free = shutil.disk_usage(folder).free
        except OSError:  # a file system that does not say
            return
        if wanted > free:
            raise Trouble(f"{folder} has {free} bytes free, and {wanted} more are needed")

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise Trouble("nothing is open to be written to")
        return self._file


def _hash(name: str) -> hashlib._Hash:
    return hashlib.new(name, usedforsecurity=False)
