"""A process group that goes with the process that started it, however that one ends.

The kernel does it: a pipe has one end here and the other in the group, and when this end is closed by this process's
death, the group is sent SIGKILL as the owner of the other end (Linux: fcntl(2), F_SETOWN, F_SETSIG, O_ASYNC). So
no process has to keep watch, and none is started for it. A child that this process forks while the group lives, and
that does not execute another program, has a copy of this end and delays the group's death to its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

from parsl_like.remote.process_group import wait_until_empty

if TYPE_CHECKING:
    from types import FrameType


class Lifeline:
    """Ties a process group to this process while the ``with`` block lasts.

    If this process is told to end by SIGTERM and has no handler of its own, it stays until the group has ended, for
    at most the grace: whoever ends a worker tells what it has started, too, and that may have something to clean up.

    Where the system cannot do this, nothing is tied, and nothing else is different.

    Args:
        grace: Seconds that the group has after this process was told to end.

    Attributes:
        inherited: Descriptors that the group's leader has to be started with.
    """

    def __init__(self, grace: float) -> None:
        self.inherited: tuple[int, ...] = ()
        self._grace = grace
        self._descriptors: tuple[int, ...] = ()
        self._flags = 0
        self._patient = False
        self._group: int | None = None
        self._told: int | None = None

    def __enter__(self) -> Self:
        if hasattr(_fcntl(), "F_SETSIG"):
            with contextlib.suppress(OSError):  # no descriptor is free, so the leader will not be started either
                self._descriptors = os.pipe()
                self.inherited = self._descriptors[:1]
        if self.inherited:  # before the leader is started: from then on there is something to wait for
            self._wait_when_told_to_end()
        return self

    def tie(self, group: int) -> None:
        """From now on the group does not outlive this process.

        Args:
            group: Its number, which is that of its leader, a child that nobody has waited for yet.
        """
        if not self.inherited:
            return
        fcntl, end = _fcntl(), self.inherited[0]
        with contextlib.suppress(OSError):  # a kernel that only resembles Linux; then the group is not tied
            fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(end, fcntl.F_SETOWN, -group)
            self._flags = fcntl.fcntl(end, fcntl.F_GETFL)
            fcntl.fcntl(end, fcntl.F_SETFL, self._flags | os.O_ASYNC)
        self._group = group
        if self._told is not None:
            self._end_after_it(self._told, None)

    def _wait_when_told_to_end(self) -> None:
        in_main = threading.current_thread() is threading.main_thread()  # only there handlers can be set
        if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return

        signal.signal(signal.SIGTERM, self._end_after_it)
        self._patient = True

    def _end_after_it(self, number: int, _frame: FrameType | None) -> None:
        self._told = number
        if self._group is None:  # the leader is about to be started, or could not be; either is known soon
            return
        wait_until_empty(self._group, self._grace)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def __exit__(self, *_: object) -> None:
        if self._patient:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if self._told is not None:
                os.kill(os.getpid(), self._told)
        if self.inherited:
            with contextlib.suppress(OSError):
                # What the command has left in the background on purpose keeps the other end.
                _fcntl().fcntl(self.inherited[0], _fcntl().F_SETFL, self._flags)
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = self.inherited = ()


def _fcntl() -> Any:
    try:
        import fcntl
    except ImportError:  # not on Windows
        return None
    return fcntl
