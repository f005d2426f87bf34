"""The ends of processes, told as they happen by one thread that sleeps in between."""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class EndWatch:
    """Tells when one of the processes it was given has ended (Linux: pidfd_open(2)).

    Args:
        name: The name of its thread, which runs while there is anything to watch, or was.
        tell: Called on that thread after each end.

    Raises:
        OSError: the system cannot tell, or has no descriptor left.
    """

    def __init__(self, name: str, tell: Callable[[], None]) -> None:
        if not hasattr(os, "pidfd_open"):
            raise OSError("this system has no descriptors of processes")
        os.close(os.pidfd_open(os.getpid()))
        self._name = name
        self._tell = tell
        self._lock = threading.Lock()
        self._pids: dict[int, int] = {}
        self._descriptors: dict[int, int] = {}
        self._poll = select.epoll()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll.register(self._stop, select.EPOLLIN)
        self._thread: threading.Thread | None = None

    def add(self, pid: int) -> bool:
        """Watch a process; False if it is watched already, or not there.

        Raises:
            OSError: there is no descriptor left.
        """
        with self._lock:
            if pid in self._descriptors or self._poll.closed:
                return False
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                return False
            self._descriptors[pid], self._pids[descriptor] = descriptor, pid
            self._poll.register(descriptor, select.EPOLLIN)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return True

    def forget(self, pid: int) -> None:
        """Watch a process no more."""
        with self._lock:
            descriptor = self._descriptors.pop(pid, None)
            if descriptor is not None:
                del self._pids[descriptor]
                self._poll.unregister(descriptor)  # closing does not, while a forked child has a copy
                os.close(descriptor)

    def close(self) -> None:
        """End the thread and release everything; calling it again does nothing."""
        with self._lock:
            if self._poll.closed:
                return
            thread = self._thread
            os.eventfd_write(self._stop, 1)
        if thread is not None:
            thread.join()
        with self._lock:
            for descriptor in (*self._pids, self._stop):
                os.close(descriptor)
            self._poll.close()
            self._pids.clear()
            self._descriptors.clear()

    def _run(self) -> None:
        while True:
            ready = [descriptor for descriptor, _ in self._poll.poll()]
            if self._stop in ready:
                return
            for descriptor in ready:
                self._ended(descriptor)
            self._tell()

    def _ended(self, descriptor: int) -> None:
        with self._lock:
            pid = self._pids.get(descriptor)
        if pid is not None:
            self.forget(pid)
