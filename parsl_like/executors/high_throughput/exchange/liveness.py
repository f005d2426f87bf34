"""Whether the driver still lives, told by the pipe it holds, by its process, or by its heartbeats; and signals."""

from __future__ import annotations

import os
import signal
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.options import DISMISSAL

if TYPE_CHECKING:
    from contextlib import ExitStack

PATIENCE = 5.0
"""Seconds beyond the threshold of silence before a driver whose process cannot be seen is given up."""


class DriverWatch:
    """Says why the driver is gone, as soon as one can know.

    Three signs, because each has its gap: the pipe may be held open by a child of the driver or not be a pipe at all,
    the process may be on another machine, and a driver that is busy for long misses heartbeats without being gone. So
    silence counts only where the process cannot be seen, and only of a driver that once sent a heartbeat.

    Args:
        pid: The driver's process.
        started: When it started, in clock ticks since boot, as ``/proc/<pid>/stat`` has it; 0 if unknown.
        threshold: Seconds of silence allowed.
        pipe: A descriptor that the driver holds the other end of.

    Attributes:
        dismissed: Whether the driver has said in that pipe that it ends on purpose.
        seen_to_end: Whether it surely has ended; False as long as it is only silent.
    """

    def __init__(self, pid: int, started: float, threshold: float, pipe: int = 0) -> None:
        self._pid = pid
        self._started = started
        self._allowed = threshold + PATIENCE
        self._heard = 0.0
        self._beats = False
        self.dismissed = False
        self.seen_to_end = False
        self._visible = started > 0 and process_started(pid) == started
        self.pipe = pipe if _is_pipe(pipe) else None
        """What to poll: readable when the driver wrote to it or let it go. None if it is not held by anybody."""
        if self.pipe is not None:
            _be_continued_by(self.pipe)

    def heard(self, now: float, *, beat: bool) -> None:
        """The driver said something; ``beat`` tells whether it was a heartbeat."""
        self._heard = now
        self._beats = self._beats or beat

    def pipe_ended(self) -> str | None:
        """To be called when the pipe is readable: why the driver is gone, None if it only wrote something."""
        with suppress(BlockingIOError, InterruptedError):
            said = b"-" if self.pipe is None else os.read(self.pipe, 65536)
            self.dismissed = self.dismissed or DISMISSAL in said
            if not said:
                self.seen_to_end = True
                return "the driver closed its end of the pipe"
        return None

    def gone(self, now: float) -> str | None:
        """Why the driver is gone, None if there is no sign of it."""
        if self._visible:
            if process_started(self._pid) != self._started:
                self.seen_to_end = True
                return f"the driver's process {self._pid} has ended"
        elif self._beats and now - self._heard > self._allowed:
            return f"nothing was heard of the driver for {now - self._heard:.0f} s"
        return None


def wake_up_by_signals(stack: ExitStack) -> int:
    """A pipe that becomes readable at SIGTERM and SIGHUP, until ``stack`` is closed.

    Ctrl-C is ignored: it is for the driver, which ends this process itself.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    stack.callback(os.close, reading)
    stack.callback(os.close, writing)
    signal.set_wakeup_fd(writing)
    stack.callback(signal.set_wakeup_fd, -1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    return reading


def process_started(pid: int) -> float | None:
    """When a process started, in clock ticks since boot (``man 5 proc_pid_stat``, field 22).

    None if it has ended, or is not to be seen from here.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return None if state in "ZX" else float(fields[18])
    except (OSError, ValueError, IndexError):
        return None


def _be_continued_by(pipe: int) -> None:
    """Have the system send SIGCONT when a pipe ends: a process that somebody has stopped must hear of it, too.

    Linux only (``man 2 fcntl``, F_SETOWN and F_SETSIG). It does nothing to a process that runs.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    if hasattr(fcntl, "F_SETSIG"):
        with suppress(OSError):  # a kernel that only resembles Linux
            fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGCONT)
            fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
