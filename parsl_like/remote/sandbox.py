"""A directory of its own for a task, in which it begins and that is removed when it has ended."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from parsl_like.errors import AppException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_here = threading.local()
"""The directory of the task that a thread runs, where the process cannot be in it."""


def directory() -> str | None:
    """The directory of the task that this thread runs; None if it has none of its own."""
    found: str | None = getattr(_here, "directory", None)
    return found


class Sandboxed:
    """A function that runs in a new directory, to be sent in its place.

    Files that the call names by relative paths stay where they were: they are given to the function by absolute ones.

    Args:
        func: What to call.
        root: Where directories are made; None for the system's place for temporary files.
        needs_process: Whether the function itself has to be in the directory, and not only the commands that it starts.
    """

    def __init__(self, func: Callable[..., Any], root: str | None, *, needs_process: bool = True) -> None:
        self.func = func
        self.root = root
        self.needs_process = needs_process
        self.__wrapped__ = func
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns or raises.

        Raises:
            AppException: the directory cannot be made, or the task runs on a thread beside others, all of which
                would be in it.
        """
        alone = threading.current_thread() is threading.main_thread()
        if self.needs_process and not alone:
            raise AppException(
                f"App {self.__name__} has a sandbox, and runs on a thread beside other tasks, which share a directory.",
                hint="run it on worker processes, or make it a bash app.",
            )
        args = tuple(map(_absolute, args))
        kwargs = {name: _absolute(value, name) for name, value in kwargs.items()}
        with _made(self.root, self.__name__) as folder, _in(folder) if alone else _beside(folder):
            return self.func(*args, **kwargs)


@contextmanager
def _made(root: str | None, name: str) -> Iterator[str]:
    import tempfile

    try:
        if root is not None:
            os.makedirs(root, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f"{name[:40]}-".replace(os.sep, "_"), dir=root)
    except OSError as error:
        raise AppException(f"App {name} has a sandbox, and no directory can be made for it: {error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in(folder: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        with _beside(folder):
            yield
    finally:
        os.chdir(before)


@contextmanager
def _beside(folder: str) -> Iterator[None]:
    before, _here.directory = directory(), folder
    try:
        yield
    finally:
        _here.directory = before


def _absolute(value: Any, name: str = "") -> Any:
    """A file, or what names one, so that it is found from another directory."""
    if name in ("inputs", "outputs") and isinstance(value, list | tuple):
        return [_absolute(item) for item in value]
    if name in ("stdout", "stderr"):
        if isinstance(value, tuple) and value and isinstance(value[0], str | os.PathLike):
            return (_path(value[0]), *value[1:])
        if isinstance(value, str):
            return _path(value)
    is_file = hasattr(type(value), "cleancopy") and hasattr(value, "local_path")  # a File, not known to this layer
    if is_file and (value.local_path is not None or value.scheme == "file"):
        value.local_path = _path(value)
    return value


def _path(value: str | os.PathLike[Any]) -> str:
    return os.path.abspath(os.fsdecode(value))
