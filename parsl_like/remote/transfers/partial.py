"""Files whose transfer has failed, or was killed, and which the next transfer of the same file goes on with."""

from __future__ import annotations

import contextlib
import json
import os
from hashlib import blake2s
from typing import TYPE_CHECKING, Self

from parsl_like.remote.transfers.landing import FULL, Landing
from parsl_like.remote.transfers.places import FOLDER, is_ours
from parsl_like.remote.transfers.trouble import NEWS

if TYPE_CHECKING:
    from parsl_like.remote.transfers.progress import Progress


class KeptLanding(Landing):
    """A landing that keeps what has come, in ``.parsl_like`` beside the file, until all of it has.

    It is gone on with only as long as the server says that the file is still the same, and as the machine has not been
    started anew: then what was written last may not have reached the disk. It is not kept if it is small, if the disk
    is full, or if nothing tells one content of the file from another. While one process has it, others begin anew.

    Args:
        path: As for :class:`Landing`, like ``size``, ``digests`` and ``progress``.
        size: Bytes.
        digests: Checksums.
        progress: Says how far it is.
        url: Where the file is; files of other URLs are other files.
    """

    _mark: str | None = None
    _facts: str | None = None

    def __init__(
        self, path: str, size: int | None, digests: dict[str, str] | None, progress: Progress | None, url: str
    ) -> None:
        super().__init__(path, size, digests, progress)
        self._name = _digest(f"{os.path.basename(self.path)}\0{url.partition('#')[0]}")

    def __enter__(self) -> Self:
        super().__enter__()
        if self._facts is not None:
            self._go_on()
        return self

    def __exit__(self, *trouble: object) -> None:
        facts, part = self._facts, self._part
        error = trouble[1] if len(trouble) > 1 else None
        if (
            facts is not None
            and part is not None
            and self._mark is not None
            and self.there >= NEWS
            and not _full(error)
        ):
            self._part = None  # or it would be removed
            super().__exit__(*trouble)
            return
        super().__exit__(*trouble)
        if facts is not None:
            _remove(facts)

    @property
    def mark(self) -> str | None:
        """By what the server knows this content again; it is written down beside what has come."""
        return self._mark

    @mark.setter
    def mark(self, mark: str | None) -> None:
        if mark == self._mark:
            return
        self._mark = mark
        if self._facts is None:
            return
        _remove(self._facts)
        if mark is not None:
            with contextlib.suppress(OSError), open(self._facts, "x", encoding="utf-8") as file:
                json.dump([mark, _boot()], file)

    # --- parts

    def _opened(self, folder: str) -> int:
        try:
            return self._found(os.path.join(folder, FOLDER))
        except OSError:  # another process has it, or somebody else has put something there
            return super()._opened(folder)

    def _found(self, folder: str) -> int:
        """The file that may have a part of what is wanted, locked.

        Raises:
            OSError: it cannot be had.
        """
        import errno

        try:
            import fcntl
        except ImportError as error:  # not on Windows
            raise OSError(errno.ENOTSUP, "no locks") from error
        os.makedirs(folder, exist_ok=True)
        part = os.path.join(folder, f"{self._name}.part")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        if not is_ours(os.lstat(folder)):
            raise PermissionError(errno.EPERM, "somebody else's", folder)
        descriptor = os.open(part, flags, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            here = os.fstat(descriptor)
            # Who had it before may have given it its own name meanwhile: then it must not be written to.
            if not is_ours(here) or not os.path.samestat(here, os.lstat(part)):
                raise PermissionError(errno.EPERM, "not there any more, or somebody else's", part)
        except BaseException:
            os.close(descriptor)
            raise
        self._part, self._facts = part, os.path.join(folder, f"{self._name}.json")
        return descriptor

    def _go_on(self) -> None:
        file = self._open_file()
        mark = _known(str(self._facts))
        if mark is None:
            file.truncate(0)
            return
        self._mark = mark
        self.there = file.seek(0, os.SEEK_END)
        self._hashes = {}  # what is there has to be read for them, when all of it is

    def _name_it(self) -> None:
        part = self._part
        if self._facts is None or part is None:
            super()._name_it()
            return
        self._open_file().flush()
        os.replace(part, self.path)  # before it is closed, and so let go of
        self._part = None


def _known(facts: str) -> str | None:
    """The mark of what is there, if that can be trusted."""
    try:
        with open(os.open(facts, os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8") as file:
            if not is_ours(os.fstat(file.fileno())):
                return None
            mark, boot = json.load(file)
    except (OSError, ValueError, TypeError):  # none, or whoever wrote it was killed
        return None
    return mark if isinstance(mark, str) and boot == _boot() else None


def _boot() -> str:
    """What tells this start of this machine from others; "" is never the same as another one's.

    Source: random(4), /proc/sys/kernel/random/boot_id.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return os.urandom(8).hex()


def _full(error: object) -> bool:
    cause = getattr(error, "__cause__", None)
    return isinstance(cause, OSError) and cause.errno in FULL


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _digest(text: str) -> str:
    return blake2s(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()
