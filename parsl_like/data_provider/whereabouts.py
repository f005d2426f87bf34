"""Where a file is for the tasks of an executor, and which of its contents."""

from __future__ import annotations

import os
import threading
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.data_provider.files import File


class Whereabouts:
    """Gives each file a path of its own, and knows which of a run's tasks has made it last.

    Args:
        run: What tells this run from others.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._owners: dict[tuple[str, str], str] = {}
        self._versions: dict[str, int] = {}
        self._makers: dict[tuple[str, str], int | None] = {}

    def path(self, file: File, label: str, folder: str, name: str | None = None) -> str:
        """The file's path for the executor's tasks; files of one name at several URLs get directories of their own.

        Args:
            file: The file.
            label: The executor.
            folder: Where its staged files are put; "" for where its tasks run.
            name: The file's, if it is not the last part of its URL; it may have directories.

        Raises:
            StagingError: the name leads out of the directory, or there is none.
        """
        from parsl_like.remote.transfers.places import inside
        from parsl_like.remote.transfers.urls import shown

        name = file.filename if name is None else name
        path = inside(folder, name, shown(file.url))
        with self._lock:
            owner = self._owners.setdefault((label, path), file.url)
        if owner == file.url:
            return path
        return os.path.join(folder, _digest(file.url, 6), *name.split("/"))

    def token(self, file: File) -> str:
        """What stands for the file as it is now, where tasks run; it tells nothing of the URL."""
        return _digest(f"{self._run} {self._versions.get(file.url, 0)} {file.url}", 16)

    def next_token(self, file: File) -> str:
        """The same, for a task that will make the file anew."""
        with self._lock:
            self._versions[file.url] = self._versions.get(file.url, 0) + 1
        return self.token(file)

    def made_by(self, file: File, label: str, maker: Future[Any]) -> None:
        """A task of an executor, whose workers share their files, makes the file."""
        self._makers[file.url, label] = getattr(maker, "tid", None)

    def has_maker(self, file: File, label: str) -> bool:
        """Whether a task of the executor makes the file."""
        return (file.url, label) in self._makers

    def is_made_here(self, file: File, label: str, maker: Future[Any] | None) -> bool:
        """Whether the task that makes the file leaves it where the executor's tasks see it."""
        task = getattr(maker, "tid", None)
        return task is not None and self._makers.get((file.url, label)) == task


def _digest(text: str, size: int) -> str:
    return blake2s(text.encode(errors="surrogatepass"), digest_size=size).hexdigest()
