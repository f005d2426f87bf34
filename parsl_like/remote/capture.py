"""What a Python function prints, in the files that its call names as ``stdout`` and ``stderr``.

On the main thread of a process, which a worker has for one task at a time, descriptors 1 and 2 lead to the files, so
that what C code and child processes print is there too. On any other thread, beside which other tasks run, only what
this thread prints through ``sys.stdout`` and ``sys.stderr`` can be told apart.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from parsl_like.errors import BadStdStreamFile
from parsl_like.remote.streams import TaskStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STREAMS = ("stdout", "stderr")
_DESCRIPTORS = {"stdout": 1, "stderr": 2}
_C_NAMES = ("__stdoutp", "__stderrp") if sys.platform == "darwin" else STREAMS


class Captured:
    """A function whose output goes to the files of its call, to be sent in its place.

    Args:
        func: What to call.
        dropped: Those of ``stdout`` and ``stderr`` that the function itself does not take.
    """

    def __init__(self, func: Callable[..., Any], dropped: tuple[str, ...] = ()) -> None:
        self.func = func
        self.dropped = dropped
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns or raises; a traceback is written to ``stderr`` as well.

        Raises:
            BadStdStreamFile: A file cannot be opened, or does not take what is written to it.
        """
        streams = TaskStreams(kwargs.get("stdout"), kwargs.get("stderr"))
        for name in self.dropped:
            kwargs.pop(name, None)
        with streams, redirected(streams) as texts:
            try:
                return self.func(*args, **kwargs)
            except BaseException as error:
                if "stderr" in texts:
                    _write_traceback(error, texts["stderr"])
                raise


@contextmanager
def redirected(streams: TaskStreams) -> Iterator[Mapping[str, TextIO]]:
    """While it lasts, output of the process, or of the thread, goes to files that are open.

    Args:
        streams: The files.

    Raises:
        BadStdStreamFile: A file did not take the last of what was written to it; not if there is another error.
    """
    named = zip(STREAMS, (streams.stdout, streams.stderr), strict=True)
    files = {name: file for name, file in named if file is not None}
    whole = threading.current_thread() is threading.main_thread()
    with _of_the_process(files) if whole else _of_this_thread(files) as texts:
        try:
            yield texts
        except BaseException:
            with suppress(BadStdStreamFile):  # what the function raised says more
                _flush(texts)
            raise
        _flush(texts)


def _text_on(descriptor: int) -> TextIO:
    """A descriptor as Python prints to it, line by line, so that output of child processes keeps its place."""
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _flush(texts: Mapping[str, TextIO]) -> None:
    for name, text in texts.items():
        if text.closed:
            continue
        try:
            text.flush()
        except OSError as error:
            with suppress(OSError):  # it holds what cannot be written, and must not try again later
                text.close()
            raise BadStdStreamFile(f"{name} cannot be written to", error) from error


def _write_traceback(error: BaseException, text: TextIO) -> None:
    import traceback

    trace = error.__traceback__
    with suppress(OSError, ValueError):  # full, or closed by the function: the error itself is raised in any case
        traceback.print_exception(type(error), error, trace.tb_next if trace is not None else None, file=text)


# --- the whole process


@contextmanager
def _of_the_process(files: Mapping[str, IO[Any]]) -> Iterator[Mapping[str, TextIO]]:
    _flush_all()  # what was printed before belongs to where it was printed to
    with ExitStack() as undo:
        texts = {}
        for name, file in files.items():
            number = _DESCRIPTORS[name]
            undo.callback(_put_back, number, _copy(number))
            os.dup2(file.fileno(), number)
            undo.callback(setattr, sys, name, getattr(sys, name))
            # On the standard descriptor: whoever keeps it, a log's handler for instance, can still use it later.
            texts[name] = _text_on(number)
            setattr(sys, name, texts[name])
        undo.callback(_flush_all)
        yield texts


def _copy(descriptor: int) -> int | None:
    """The same file at another number that no child process inherits; None if nothing is open there."""
    try:
        return os.dup(descriptor)
    except OSError:
        return None


def _put_back(descriptor: int, copy: int | None) -> None:
    if copy is None:
        with suppress(OSError):  # the function may have closed it
            os.close(descriptor)
        return
    os.dup2(copy, descriptor)
    os.close(copy)


def _flush_all() -> None:
    """Have everything written that Python's and C's streams of this process still hold."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):  # closed, full, or not there: nothing more can be done
            cast("TextIO", stream).flush()
    with suppress(ImportError, OSError, TypeError, ValueError):  # an interpreter or a system without
        import ctypes

        libc = ctypes.CDLL(None)
        for name in _C_NAMES:
            libc.fflush(ctypes.c_void_p.in_dll(libc, name))


# --- one thread


class ThreadSwitch:
    """Stands for ``sys.stdout`` or ``sys.stderr``: the file of the thread that prints, or what was there before.

    Args:
        usual: What was there before.
        own: The files of threads, by their identity.
    """

    def __init__(self, usual: Any, own: Mapping[int, TextIO]) -> None:
        self.usual = usual
        self._own = own

    def write(self, text: str) -> int:
        """Write to what is the thread's; where there is nothing at all, nothing is written, as by ``print``."""
        stream = self._current()
        return len(text) if stream is None else cast("int", stream.write(text))

    def flush(self) -> None:
        """Flush what is the thread's."""
        stream = self._current()
        if stream is not None:
            stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current(), name)

    def _current(self) -> Any:
        return self._own.get(threading.get_ident(), self.usual)


_own: dict[str, dict[int, TextIO]] = {name: {} for name in STREAMS}
"""By stream: the files of the threads that run a captured function now."""
_lock = threading.Lock()


@contextmanager
def _of_this_thread(files: Mapping[str, IO[Any]]) -> Iterator[Mapping[str, TextIO]]:
    texts: dict[str, TextIO] = {}
    for name, file in files.items():
        same = name == "stderr" and file is files.get("stdout")
        texts[name] = texts["stdout"] if same else _text_on(file.fileno())
    before = _give(threading.get_ident(), texts)
    try:
        yield texts
    finally:
        _give(threading.get_ident(), before)
        for text in texts.values():
            with suppress(OSError):  # what it still holds cannot be written, which has been told
                text.close()  # its descriptor will soon be another file's


def _give(thread: int, texts: Mapping[str, TextIO | None]) -> dict[str, TextIO | None]:
    """Give a thread streams, or take them from it; what it had before."""
    before: dict[str, TextIO | None] = {}
    with _lock:
        for name, text in texts.items():
            before[name] = _own[name].pop(thread, None)
            if text is not None:
                _own[name][thread] = text
            stream = getattr(sys, name)
            if _own[name] and not isinstance(stream, ThreadSwitch):
                setattr(sys, name, ThreadSwitch(stream, _own[name]))
            elif not _own[name] and isinstance(stream, ThreadSwitch):
                setattr(sys, name, stream.usual)
    return before


def _renew_lock() -> None:
    """In a forked process the thread that held it, if any did, does not exist."""
    global _lock  # noqa: PLW0603 - it is one per process
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
