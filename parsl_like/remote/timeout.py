"""A limit on the time a function may take, kept by an exception that is raised inside it.

The exception is raised between two steps of the interpreter, so it waits for a call into C code (a ``sleep``, a large
matrix product) to return. Whoever cannot wait for that ends the process.
"""

from __future__ import annotations

import _thread
import threading
from typing import TYPE_CHECKING, Any

from parsl_like.errors import AppTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

INSIST_S = 0.5
"""Seconds after which the exception is raised again, if the function has swallowed it and goes on."""


class _WalltimeExceeded(AppTimeout):
    """What is raised inside the function; takes no arguments, because the interpreter gives it none."""


class Walltimed:
    """A function with a limit on its time, to be sent in its place.

    Args:
        func: What to call.
        walltime: Seconds it may take.
    """

    def __init__(self, func: Callable[..., Any], walltime: float) -> None:
        self.func = func
        self.walltime = walltime

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns or raises within its time; see :func:`call_with_walltime`."""
        return call_with_walltime(self.walltime, self.func, *args, **kwargs)


def call_with_walltime(walltime: float, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """What the function returns or raises within its time. No exception arrives after this has returned.

    Args:
        walltime: Seconds the function may take.
        func: What to call.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments.

    Raises:
        AppTimeout: It took longer.
    """
    if walltime <= 0:
        raise AppTimeout(f"The walltime of {walltime} s was used up before the task could start")
    alarm = _Alarm(walltime, threading.get_ident())
    try:
        try:
            alarm.start()
            return func(*args, **kwargs)
        finally:
            # From this store on at most one exception is still to come: the one that is being sent now. It may be
            # raised inside the first disarm(); then the second one finds nothing in flight.
            alarm.over = True
            alarm.disarm()
    except _WalltimeExceeded as error:
        if not alarm.rang:
            raise  # it is meant for a caller of ours who has a limit too
        text = f"The task exceeded its walltime of {walltime} s"
        raise AppTimeout(text).with_traceback(error.__traceback__) from None
    finally:
        alarm.disarm()
        alarm.join()


class _Alarm:
    """A thread that raises exceptions in another thread, from a moment on, until it is told that all is over."""

    def __init__(self, delay: float, target: int) -> None:
        import ctypes

        self.over = False
        self.rang = False
        self._delay = delay
        self._raise_in: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
        self._ident, self._class = ctypes.c_ulong(target), ctypes.py_object(_WalltimeExceeded)
        self._sending = _thread.allocate_lock()
        self._sleeping = _thread.allocate_lock()
        self._sleeping.acquire()
        self._armed = _thread.allocate_lock()
        self._armed.acquire()
        self._thread = threading.Thread(target=self._run, name="parsl-like-walltime", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._armed.release()  # not before: an exception inside Thread.start would break its locks

    def disarm(self) -> None:
        """Afterwards nothing is raised any more. ``over`` has been set before."""
        with self._sending:
            pass  # one that passed the check of ``over`` before it was set has been sent by now
        if self.rang:
            self._flush()
        if self._sleeping.locked():
            self._sleeping.release()

    def _flush(self) -> None:
        # Taking a pending exception back (with NULL) leaves CPython's request to look for one standing, for ever: every
        # later check in the process takes the slow way, and a traced one never ends. So it is replaced, and received.
        try:
            self._raise_in(self._ident, self._class)
            while True:
                pass
        except _WalltimeExceeded:
            return

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        delay = self._delay
        self._armed.acquire()
        while not self._sleeping.acquire(timeout=min(delay, threading.TIMEOUT_MAX)):
            with self._sending:
                if self.over:
                    return
                self.rang = True
                self._raise_in(self._ident, self._class)
            delay = INSIST_S
