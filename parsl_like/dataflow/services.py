"""Service threads: each is named, owned by one kernel, fed through one queue, and stopped by its owner."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
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


class Unheld:
    """A function of which threads of the kernel's own wait for the end, so that calls of apps in it must not wait.

    Args:
        func: What to call.
    """

    __slots__ = ("__name__", "_func")

    def __init__(self, func: Callable[..., Any]) -> None:
        self._func = func
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives."""
        before = is_service_thread()
        _of_kernel.yes = True
        try:
            return self._func(*args, **kwargs)
        finally:
            _of_kernel.yes = before


class Service(Generic[T]):
    """A thread that calls one function with everything put into its queue, in order.

    Args:
        name: The thread's name.
        serve: What to do with an item. An exception is logged and the next item is served.

    Attributes:
        busy_with: The item that is being served, if there is one.
        busy_since: Since when, in seconds since the epoch.
    """

    def __init__(self, name: str, serve: Callable[[T], None]) -> None:
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._serve = serve
        self.busy_with: Any = None
        self.busy_since = 0.0
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

    @property
    def lives(self) -> bool:
        """Whether what is queued will be served."""
        return self._thread.is_alive()

    def stop(self, timeout: float) -> bool:
        """Serve what is queued, then end; whether that was done within ``timeout`` seconds."""
        self._queue.put(None)
        if self.is_current() or self._thread.ident is None:
            return True
        self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def unserved(self) -> list[T]:
        """What is still queued; for the time after ``stop``, when an item blocks the thread."""
        items = _emptied(self._queue)
        self._queue.put(None)  # the wish to end was among what was taken
        return items

    def _run(self) -> None:
        mark_service_thread()
        while (item := self._queue.get()) is not None:
            self.busy_since = time.time()
            self.busy_with = item
            try:
                self._serve(item)
            except BaseException:  # the thread's root: others still wait to be served
                logger.exception("%s failed on an item", self._thread.name)
            self.busy_with = item = None


class ServicePool(Generic[T]):
    """Threads that call one function with whatever is put, several at once; none of them keeps a program from ending.

    Args:
        name: What the threads' names begin with.
        serve: What to do with an item. An exception is logged.
        most: How many threads there may be; each of the first items starts one.
    """

    def __init__(self, name: str, serve: Callable[[T], None], most: int) -> None:
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._name, self._serve, self._most = name, serve, most
        self._threads: list[threading.Thread] = []

    def put(self, item: T) -> None:
        """Hand over an item, from one thread only; never waits.

        Raises:
            RuntimeError: the system gives not even one thread.
        """
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name=f"{self._name}_{len(self._threads)}", daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:
                if not self._threads:
                    raise
        self._queue.put(item)

    def stop(self) -> None:
        """Drop what has not begun; threads end once they have served what they have begun, and are not waited for."""
        _emptied(self._queue)
        for _ in self._threads:
            self._queue.put(None)

    def _run(self) -> None:
        mark_service_thread()
        while (item := self._queue.get()) is not None:
            try:
                self._serve(item)
            except BaseException:  # the thread's root: others still wait to be served
                logger.exception("%s failed on an item", self._name)
            item = None


def _emptied(queue: SimpleQueue[T | None]) -> list[T]:
    """Everything that was in a queue, which somebody else may be emptying too."""
    items: list[T] = []
    while True:
        try:
            item = queue.get_nowait()
        except Empty:
            return items
        if item is not None:
            items.append(item)
