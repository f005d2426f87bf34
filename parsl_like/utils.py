"""Small tools at the path where Parsl programs look for them; nothing inside this package needs one."""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from parsl_like.remote.streams import get_std_fname_mode as get_std_fname_mode  # noqa: PLC0414 - offered from here

_LOOKS_PER_SECOND = 50
_NARROW = 100


# --- checkpoints -----------------------------------------------------------------------------------------------


def get_all_checkpoints(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """The checkpoint directories of all runs, the oldest run first, as absolute paths; for ``checkpoint_files``.

    Args:
        rundir: The directory that holds the runs' directories.
    """
    try:
        names = os.listdir(rundir)
    except FileNotFoundError:
        return []
    runs = sorted((name for name in names if name.isdecimal()), key=int)
    paths = (os.path.abspath(os.path.join(rundir, run, "checkpoint")) for run in runs)
    return [path for path in paths if os.path.isdir(path)]


def get_last_checkpoint(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """The checkpoint directory of the newest run that has one, in a list; an empty list if none has.

    Results that a run took from earlier checkpoints are in its own, too; what it did not ask for is not.

    Args:
        rundir: The directory that holds the runs' directories.
    """
    return get_all_checkpoints(rundir)[-1:]


# --- files and commands ----------------------------------------------------------------------------------------

if not TYPE_CHECKING:  # a type checker reads the import above

    def __getattr__(name: str) -> object:
        if name != "get_std_fname_mode":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Not an import statement: what runs bash apps lies above this module, and nobody else is to load it.
        return importlib.import_module("parsl_like.remote.streams").get_std_fname_mode


@contextmanager
def time_limited_open(path: str | os.PathLike[str], mode: str, seconds: float = 1) -> Iterator[IO[Any]]:
    """Open a file that somebody else is about to make, waiting for it if need be.

    Args:
        path: The file.
        mode: As for ``open``.
        seconds: How long it may take to appear.

    Raises:
        FileNotFoundError: it has not appeared.
    """
    give_up = time.monotonic() + seconds
    while not os.path.exists(path) and time.monotonic() < give_up:
        time.sleep(1 / _LOOKS_PER_SECOND)
    with open(path, mode, encoding=None if "b" in mode else "utf-8") as file:
        yield file


def execute_wait(cmd: str, walltime: float | None = None) -> tuple[int, str, str]:
    """Run shell text and wait for its end.

    Args:
        cmd: Text for the shell.
        walltime: Seconds it may take, None for as long as it likes.

    Returns:
        Exit code, standard output and standard error.

    Raises:
        subprocess.TimeoutExpired: it took too long; it was killed with everything it had started.
    """
    group: dict[str, Any] = {"start_new_session": True} if hasattr(os, "killpg") else {}
    with subprocess.Popen(  # noqa: S602 - running shell text is what the function is for
        cmd,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        **group,
    ) as process:
        try:
            output, complaints = process.communicate(timeout=walltime)
        except BaseException:
            _kill(process)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()  # whatever has left the group may hold the other end for ever
            raise
    return process.returncode, output, complaints


def _kill(process: subprocess.Popen[str]) -> None:
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    else:
        process.kill()


# --- classes to derive from, and timers ------------------------------------------------------------------------


class RepresentationMixin:
    """Gives a class the ``repr`` of a call of its constructor: short ones on a line, long ones with a line for each.

    The constructor keeps each argument in an attribute of the same name, or of that name after an underscore.
    """

    def __repr__(self) -> str:
        parameters = list(inspect.signature(type(self).__init__).parameters.values())[1:]
        words = []
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            value = repr(self._argument(parameter.name))
            words.append(value if parameter.default is parameter.empty else f"{parameter.name}={value}")
        name = type(self).__name__
        line = f"{name}({', '.join(words)})"
        if len(line) <= _NARROW and "\n" not in line:
            return line
        inner = ",\n".join(f"    {word}".replace("\n", "\n    ") for word in words)
        return f"{name}(\n{inner}\n)"

    def _argument(self, name: str) -> Any:
        for attribute in (name, f"_{name}"):
            if hasattr(self, attribute):
                return getattr(self, attribute)
        raise AttributeError(f"{type(self).__name__} keeps its argument {name!r} in no attribute, so it has no repr")


class AutoCancelTimer(threading.Timer):
    """A ``threading.Timer`` for a ``with`` block: started at its beginning, cancelled at its end.

    Args:
        interval: Seconds.
        function: What to call when they are over.
        args: Positional arguments for it.
        kwargs: Keyword arguments for it.
    """

    def __init__(
        self,
        interval: float,
        function: Callable[..., object],
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(interval, function, args, None if kwargs is None else dict(kwargs))
        self.daemon = True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class Timer:
    """Calls a function again and again on a thread of its own, until it is closed.

    An error that the function raises is reported by ``threading.excepthook``, and the calls go on.

    Args:
        callback: The function.
        *args: Its arguments.
        interval: Seconds from the end of one call to the next.
        name: The thread's name.
    """

    def __init__(
        self, callback: Callable[..., object], *args: Any, interval: float = 5, name: str | None = None
    ) -> None:
        self._callback = callback
        self._args = args
        self._interval = interval
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name or "parsl-like-timer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(self._interval):
            self.make_callback()

    def make_callback(self, kind: str | None = None) -> None:
        """Call the function now, in the calling thread.

        Args:
            kind: Accepted for Parsl's sake; what the call is for, in words.
        """
        try:
            self._callback(*self._args)
        except Exception as error:  # noqa: BLE001 - the caller's function, perhaps at the root of the thread
            told = threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
            threading.excepthook(told)

    def close(self) -> None:
        """Call it no more; waits for a call that is under way."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
