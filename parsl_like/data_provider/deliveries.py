"""Files that are on their way to a place, or there: nobody has to bring them again."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.data_provider.files import File

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

Key = tuple[str, str, str]
"""A file's URL, and the place: an executor's label, and the directory of its staged files."""


Look = tuple[int, int, int] | None
"""How a file looked when it had come: size, time of change and number; None where this process does not see it."""


class Deliveries:
    """One transfer for each file and place, whoever asks, and how many at once.

    A file that was changed or removed since it came is brought again, as far as this process sees it: a task may well
    write to a name in the directory in which it runs that a staged file has.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Key, _Claim] = {}
        self._there: dict[Key, tuple[str, Look]] = {}

    def brought(self, key: Key, file: File, start: Callable[[], Future[Any] | None]) -> Any:
        """The future of the transfer that brings a file, or the file, if it is there or comes without a transfer.

        Args:
            key: The file and the place.
            file: The call's own copy; its path is set if the file is there.
            start: Starts a transfer; called by one thread for each, while others wait for what it gives.

        Raises:
            Exception: what ``start`` raises.
        """
        while True:
            with self._lock:
                path, look = self._there.get(key, ("", None))
                if path and look == (_look(path) if look is not None else None):
                    file.local_path = path
                    return file
                claim = self._under_way.get(key)
                mine = claim is None
                if claim is None:
                    claim = self._under_way[key] = _Claim()
            if mine:
                return self._begun(key, file, claim, start)
            claim.made.wait()
            if claim.future is not None:
                return claim.future
            if claim.empty:
                return file if (future := start()) is None else future

    def forget(self, url: str) -> None:
        """The file has another content from now on: whoever wants it then has it brought."""
        with self._lock:
            for known in (self._there, self._under_way):
                for key in [key for key in known if key[0] == url]:
                    del known[key]

    def _begun(self, key: Key, file: File, claim: _Claim, start: Callable[[], Future[Any] | None]) -> Any:
        try:
            claim.future = start()
        except BaseException:
            self._drop(key, claim)
            claim.made.set()
            raise
        if claim.future is None:
            claim.empty = True
            self._drop(key, claim)
            claim.made.set()
            return file
        claim.made.set()
        claim.future.add_done_callback(partial(self._ended, key, claim))
        return claim.future

    def _ended(self, key: Key, claim: _Claim, future: Future[Any]) -> None:
        path = None
        if not future.cancelled() and future.exception() is None:
            result = future.result()
            path = result.local_path if isinstance(result, File) else None
        look = None if path is None else _look(path)
        with self._lock:
            if self._under_way.get(key) is claim:  # and not one that was begun after the file had been forgotten
                del self._under_way[key]
                if path is not None:
                    self._there[key] = path, look

    def _drop(self, key: Key, claim: _Claim) -> None:
        with self._lock:
            if self._under_way.get(key) is claim:
                del self._under_way[key]


def _look(path: str) -> Look:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


class _Claim:
    """A transfer that one thread starts.

    Attributes:
        made: Set when it is known whether there is one.
        future: The transfer's.
        empty: Whether nothing has to be waited for.
    """

    __slots__ = ("empty", "future", "made")

    def __init__(self) -> None:
        self.made = threading.Event()
        self.future: Future[Any] | None = None
        self.empty = False
