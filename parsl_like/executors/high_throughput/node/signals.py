"""Signals as something to poll: whoever waits for sockets wakes up for them, too."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that ask a manager to end."""


class Signals:
    """Catches the end of children and the requests to end, from now on.

    Attributes:
        ending: Name of a signal that has asked to end; empty if none has.
        children: Whether a child may have ended since this was last set to False.

    Args:
        stack: Undoes it.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.ending = ""
        self.children = False
        self._reading, writing = os.pipe()
        for descriptor in (self._reading, writing):
            os.set_blocking(descriptor, False)
            stack.callback(os.close, descriptor)
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, before)
        for number in (signal.SIGCHLD, *ENDING):
            stack.callback(signal.signal, number, signal.signal(number, _noticed))

    def fileno(self) -> int:
        """What becomes readable when a signal has come."""
        return self._reading

    def take(self) -> None:
        """Learn which signals have come."""
        try:
            numbers = os.read(self._reading, 4096)
        except BlockingIOError:
            return
        for number in numbers:
            if number in ENDING:
                self.ending = signal.Signals(number).name
            else:
                self.children = True


def _noticed(_number: int, _frame: object) -> None:
    """The wake-up descriptor tells it; without a handler, there would be none."""
