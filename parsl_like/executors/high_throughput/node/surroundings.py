"""What the tasks of one worker share, put back after each of them: directory, standard streams, signals, umask.

What the worker needs for that, and its pipe, have high descriptor numbers: whoever closes "all" descriptors mostly
stops before them, and what is opened afterwards does not take their places.
"""

from __future__ import annotations

import os
import signal
import sys

# The public ones make members of enumerations of all they are given and give, at ten times the cost.
from _signal import (  # type: ignore[import-not-found]
    ITIMER_REAL,
    SIG_SETMASK,
    getsignal,
    pthread_sigmask,
    setitimer,
)
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.node.task_lines import TaskLines

if TYPE_CHECKING:
    from typing import TextIO

EVERY_S = 2e-3
"""Seconds after which everything is looked at again, although the next task already waits: it takes 8 us."""
LOOK_EVERY_S = 1e-4
"""The same for one descriptor and the signals, which takes less than 2 us."""
GAP_S = 5e-5
"""A task that waited for the last one's result begins later than this after its end: its result went to the driver and
back. Everything is looked at before such a task, also where the worker was kept from doing so while it waited."""

_HIGHEST, _RESERVED = 1024, 16
_STANDARD = (0, 1, 2)
_SIGNALS = tuple(number for number in signal.valid_signals() if number < 32)


def out_of_the_way(descriptor: int) -> int:
    """The same file at a high descriptor number, inherited by no program that is started; the low one is closed.

    Raises:
        OSError: if there is no descriptor left.
    """
    import fcntl
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    lowest = max(0, min(limit if limit > 0 else _HIGHEST, _HIGHEST) - _RESERVED)
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
    os.close(descriptor)
    return moved


class Surroundings:
    """Remembers how things are now, before the first task.

    Raises:
        OSError: if there is no descriptor left.
    """

    def __init__(self) -> None:
        self._directory = out_of_the_way(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        self._watching = False
        self._has_moved = True
        self._copies = [out_of_the_way(os.dup(number)) for number in _STANDARD]
        self._files = [_identity(number) for number in _STANDARD]
        self._streams = [sys.stdin, sys.stdout, sys.stderr]
        self._handlers = [getsignal(number) for number in _SIGNALS]
        self._umask = os.umask(0o077)
        os.umask(self._umask)

    def watch(self) -> None:
        """Let the interpreter tell when a task changes the directory, for the rest of its life.

        It does not tell of changes made by code in C; those are put right by :meth:`restore`.
        """
        sys.addaudithook(self._notice)
        self._watching = True

    def _notice(self, event: str, _arguments: tuple[object, ...]) -> None:
        if event == "os.chdir":
            self._has_moved = True

    def restore_quickly(self) -> None:
        """What even the shortest task is followed by: its directory and its streams, as Python sees them.

        Raises:
            OSError: if a descriptor that is needed for it was closed.
        """
        if self._has_moved:  # the system call takes as long as all the rest
            os.fchdir(self._directory)
            self._has_moved = not self._watching
        _, stdout, stderr = self._streams
        if sys.stdout is not stdout or sys.stderr is not stderr or stdout.closed or stderr.closed:
            self.restore()

    def look(self) -> None:
        """The signals; everything, if standard output was closed, as by a task that closes "all" descriptors.

        Raises:
            OSError: if a descriptor that is needed for it was closed.
        """
        self._restore_signals()
        try:
            os.get_inheritable(_STANDARD[1])  # the cheapest question that the system can be asked about a descriptor
        except OSError:
            self.restore()

    def restore(self) -> None:
        """Everything.

        Raises:
            OSError: if a descriptor that is needed for it was closed.
        """
        os.fchdir(self._directory)
        if [_identity(number) for number in _STANDARD] != self._files:
            for number, copy in enumerate(self._copies):
                os.dup2(copy, number)
        stdin, stdout, stderr = self._streams
        if stdin.closed or stdout.closed or stderr.closed:
            self._streams = [_usable(number, stream) for number, stream in enumerate(self._streams)]
        sys.stdin, sys.stdout, sys.stderr = self._streams
        setitimer(ITIMER_REAL, 0)
        self._restore_signals()
        os.umask(self._umask)

    def _restore_signals(self) -> None:
        if list(map(getsignal, _SIGNALS)) != self._handlers:
            for signum, handler in zip(_SIGNALS, self._handlers, strict=True):
                if getsignal(signum) != handler:
                    signal.signal(signum, handler)
        pthread_sigmask(SIG_SETMASK, ())


def _identity(number: int) -> tuple[int, int] | None:
    """Which file a descriptor stands for, None if it is closed."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _usable(number: int, stream: TextIO) -> TextIO:
    if not stream.closed:
        return stream
    if isinstance(stream, TaskLines):
        return stream.reopened()
    return open(number, "r" if number == 0 else "w", buffering=1, encoding=stream.encoding, closefd=False)
