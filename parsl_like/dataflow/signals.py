"""Signals that end a program: its kernels are cleaned up first, and then it dies of the signal all the same.

Python itself answers SIGTERM and SIGHUP by being gone at once, which leaves the jobs of a batch system to find out by
themselves. While a kernel runs they have an answer here, unless the program has given them one of its own. Ctrl-C stays
Python's KeyboardInterrupt; only a cleanup that has begun is not interrupted by it, except by the second one.

Signals reach Python code on the main thread alone, and only between two steps of it (``signal`` in the library
reference): a program that is inside a long call of an extension ends when that call returns.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

from parsl_like.dataflow import futures

logger = logging.getLogger(__name__)

LONGEST_S = 30.0
"""How long a cleanup may hold up the end of the program, in seconds."""

AGAIN_S, MOST_TRIES = 0.002, 500
"""After so many seconds another look is taken at a program that was stopped at a bad moment, so many times at most."""

NAMES = ("SIGTERM", "SIGHUP")
"""Signals that are answered, where the system has them."""


class Kernel(Protocol):
    """What has to be cleaned up."""

    is_open: bool

    def cleanup(self) -> None:
        """End everything."""
        ...


class EndingSignals:
    """Knows the kernels of this process that run, and cleans them up when the process is told to end."""

    def __init__(self) -> None:
        self._kernels: weakref.WeakSet[Kernel] = weakref.WeakSet()
        self.ending = False
        """Whether one of these signals is ending the program now, and it has not been cleaned up before."""
        self._closing = 0
        self._tries = 0
        self._pending: int | None = None

    def attach(self, kernel: Kernel) -> None:
        """Clean this kernel up, too; signals are answered from the first one on that the main thread attaches."""
        self._kernels.add(kernel)
        if _on_main_thread():
            for number in _numbers():
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, self._end)

    def detach(self, kernel: Kernel) -> None:
        """This kernel has been cleaned up; after the last one, signals mean what they meant before."""
        self._kernels.discard(kernel)
        if not self._kernels:
            self._give_back()

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """Do not let signals interrupt what is done inside, but do what they ask for after it.

        On the main thread, for on others there is nothing to put off.

        Raises:
            KeyboardInterrupt: at the end if there was one; at once if there are two.
        """
        if not _on_main_thread():
            yield
            return
        interrupts: list[int] = []

        def note(number: int, _frame: FrameType | None) -> None:
            interrupts.append(number)
            if len(interrupts) > 1:
                raise KeyboardInterrupt

        patient = signal.getsignal(signal.SIGINT) == signal.default_int_handler
        if patient:
            signal.signal(signal.SIGINT, note)
        self._closing += 1
        try:
            yield
        finally:
            self._closing -= 1
            if patient:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            if self._pending is not None and not self._closing:
                self._end(self._pending, None)
        if interrupts:
            raise KeyboardInterrupt

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self._closing and self._tries < MOST_TRIES and _holds_a_lock(frame):
            self._tries += 1
            if _send_again(number):
                return
        self._give_back()  # who sends the signal again will not wait
        if self._closing:
            self._pending = number
            return
        try:
            if kernels := list(self._kernels):
                self.ending = True
                _clean_up_apart(kernels, number)
        finally:
            os.kill(os.getpid(), number)

    def _give_back(self) -> None:
        if _on_main_thread():
            for number in _numbers():
                if signal.getsignal(number) == self._end:
                    signal.signal(number, signal.SIG_DFL)

    def forget_all(self) -> None:
        """In a forked process nobody runs tasks: apps are refused there, since their futures would never end."""
        self.ending = False
        for kernel in list(self._kernels):
            kernel.is_open = False
        self._kernels.clear()
        self._closing, self._tries, self._pending = 0, 0, None
        self._give_back()


def _holds_a_lock(frame: FrameType | None) -> bool:
    """Whether the main thread was stopped while it held a lock that others need for a cleanup.

    Looked for where this package and the standard library hold one for a moment: around the end of a future, in events
    and conditions, and where a line is logged.
    """
    if futures._GATE._is_owned():  # type: ignore[attr-defined]  # the thread's own, so nobody else changes the answer
        return True
    while frame is not None:
        try:
            lock = _lock_of(frame.f_locals.get("self"))
            if lock is not None and lock._is_owned():
                return True
        except AttributeError:  # it is just being made, or is of a kind that cannot be asked
            return True
        frame = frame.f_back
    return False


def _lock_of(owner: object) -> Any:
    if isinstance(owner, threading.Condition):
        return owner
    if isinstance(owner, futures.LazyFuture | threading.Event):
        return owner._cond  # type: ignore[union-attr]  # the type of Event does not tell of it
    return owner.lock if isinstance(owner, logging.Handler) else None


def _send_again(number: int) -> bool:
    """Have the signal come again in a moment; False if nobody can do that any more."""

    def send() -> None:
        time.sleep(AGAIN_S)
        os.kill(os.getpid(), number)

    try:
        threading.Thread(target=send, name="parsl-like-closing", daemon=True).start()
    except RuntimeError:
        return False
    return True


def _clean_up_apart(kernels: Iterable[Kernel], number: int) -> None:
    """Clean up on another thread: the main one was stopped anywhere, perhaps with a lock that a cleanup needs."""

    def clean_up() -> None:
        for kernel in kernels:
            logger.warning("the program is ended by %s; cleaning up its kernel", signal.Signals(number).name)
            kernel.cleanup()

    thread = threading.Thread(target=clean_up, name="parsl-like-closing", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is about to end, and starts no threads any more
        clean_up()
    else:
        thread.join(LONGEST_S)


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


ENDING_SIGNALS = EndingSignals()
"""The one of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ENDING_SIGNALS.forget_all)
