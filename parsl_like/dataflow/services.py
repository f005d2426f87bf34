"""Service threads: each is named, owned by one kernel, fed through one queue, and stopped by its owner."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)
T = TypeVar("T")

_of_kernel = threading.local()


def is_service_thread() -> bool:
    """Whether the caller runs on a thread that the kernel needs, so that it must not be made to wait for the kernel."""
    return bool(getattr(_of_kernel, "yes", False))


def mark_service_thread() -> None:
    """Say that the calling thread is one that the kernel needs."""
    _of_kernel.yes = True


class Service(Generic[T]):
    """A thread that calls one function with everything put into its queue, in order.

    Args:
        name: The thread's name.
        serve: What to do with an item. An exception is reported and the next item is served.
        on_error: Told of an item whose service raised.
    """

    def __init__(
        self, name: str, serve: Callable[[T], None], on_error: Callable[[T, BaseException], None] | None = None
    ) -> None:
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._serve = serve
        self._on_error = on_error
        self.busy_with: Any = None
        self.served = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def put(self, item: T) -> None:
        """Hand over an item; never waits."""
        self._queue.put(item)

    @property
    def backlog(self) -> int:
        """Items not yet taken up."""
        return self._queue.qsize()

    def is_current(self) -> bool:
        """Whether the caller is this thread."""
        return threading.current_thread() is self._thread

    def stop(self, timeout: float) -> bool:
        """Serve what is queued, then end; whether that was done within ``timeout`` seconds."""
        self._queue.put(None)
        if self.is_current() or self._thread.ident is None:
            return True
        self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def unserved(self) -> list[T]:
        """What is still queued; for the time after ``stop``, when an item blocks the thread."""
        items = []
        while not self._queue.empty():
            item = self._queue.get()
            if item is not None:
                items.append(item)
        self._queue.put(None)  # the wish to end was among what was taken
        return items

    def _run(self) -> None:
        mark_service_thread()
        while (item := self._queue.get()) is not None:
            self.busy_with = item
            try:
                self._serve(item)
            except BaseException as error:  # the thread's root: others still wait to be served
                logger.exception("%s failed on an item", self._thread.name)
                if self._on_error is not None:
                    self._on_error(item, error)
            self.served += 1
            self.busy_with = item = None
