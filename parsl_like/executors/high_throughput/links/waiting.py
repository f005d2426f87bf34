"""Waiting for many links and descriptors at once, at a cost that does not grow with how many are silent."""

from __future__ import annotations

import math
import selectors
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Restless(Protocol):
    """A source whose descriptor tells of changes only, so that it has to be asked before one sleeps."""

    def has_more(self) -> bool:
        """Whether something has come that its descriptor may not tell of."""
        ...


class Waiter:
    """Says which sources have something.

    A source is what the owner wants to be told: a link, or a plain descriptor.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._restless: list[Restless] = []
        self._again: list[Any] = []
        self._closed = False

    def fileno(self) -> int:
        """Readable whenever a descriptor is ready."""
        return self._selector.fileno()

    def add(self, descriptor: int, source: Any, note: Callable[[int], bool] | None = None) -> None:
        """Watch a descriptor.

        Args:
            descriptor: Watched for reading, until :meth:`watch_writing` says more.
            source: What :meth:`wait` gives when it is ready.
            note: Told first what it is ready for; False if the source need not hear of it.
        """
        self._selector.register(descriptor, READ, (source, note))

    def watch_writing(self, descriptor: int, wanted: bool) -> None:
        """Whether a descriptor counts as ready when it takes something, too."""
        if self._closed:
            return
        key = self._selector.get_key(descriptor)
        self._selector.modify(descriptor, READ | WRITE if wanted else READ, key.data)

    def remove(self, descriptor: int) -> None:
        """Watch it no longer; it must not have been closed yet."""
        if not self._closed:
            source, _ = self._selector.unregister(descriptor).data
            self._restless = [other for other in self._restless if other is not source]

    def ask(self, source: Restless) -> None:
        """Ask a source, whenever it is time to sleep, whether it has more."""
        self._restless.append(source)

    def again(self, source: Any) -> None:
        """Name a source once more without waiting: it was left before it was empty."""
        if source not in self._again:
            self._again.append(source)

    def wait(self, seconds: float) -> list[Any]:
        """The sources that have something, each once; none if the time is over before that.

        Args:
            seconds: At most; infinity to wait as long as it takes.
        """
        found, self._again = self._again, []
        found += [source for source in self._restless if source not in found and source.has_more()]
        timeout = 0 if found else None if seconds == math.inf else max(0.0, seconds)
        for key, mask in self._selector.select(timeout):
            source, note = key.data
            if (note is None or note(mask)) and source not in found:
                found.append(source)
        return found

    def close(self) -> None:
        """Watch nothing any more; the descriptors stay open."""
        self._closed = True
        self._selector.close()
