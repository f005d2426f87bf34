"""Where a task's output goes."""

from __future__ import annotations

import os
from typing import IO, Any

from parsl_like.errors import BadStdStreamFile

StreamSpec = str | os.PathLike[str] | tuple[str | os.PathLike[str], str]

TAIL_LINES, TAIL_BYTES = 20, 8 * 1024
"""How much of the end of stderr an error quotes."""


def get_std_fname_mode(fdname: str, stdfspec: StreamSpec) -> tuple[str, str]:
    """The path and the mode in which to open it; without a mode given, it is appended to.

    Args:
        fdname: ``stdout`` or ``stderr``.
        stdfspec: A path, or a pair of path and mode.

    Raises:
        BadStdStreamFile: It is neither.
    """
    if isinstance(stdfspec, tuple):
        if len(stdfspec) != 2:
            raise BadStdStreamFile(f"{fdname} is a tuple of {len(stdfspec)} items; expected (path, mode)")
        path, mode = stdfspec
    else:
        path, mode = stdfspec, "a+"
    try:
        name = os.fspath(path)
    except TypeError as error:
        raise BadStdStreamFile(f"{fdname} has the type {type(path).__name__}; expected a path", error) from error
    if not isinstance(name, str):
        raise BadStdStreamFile(f"{fdname} is a path of type {type(name).__name__}; expected str")
    if not isinstance(mode, str):
        raise BadStdStreamFile(f"{fdname} has a mode of type {type(mode).__name__}; expected str")
    return name, mode


def open_std_fd(fdname: str, stdfspec: StreamSpec | None) -> IO[Any] | None:
    """The open file, its directory made where it was missing; None where nothing was asked for.

    Args:
        fdname: ``stdout`` or ``stderr``.
        stdfspec: A path, a pair of path and mode, or None.

    Raises:
        BadStdStreamFile: It is described wrongly or cannot be opened for writing.
    """
    if stdfspec is None:
        return None
    name, mode = get_std_fname_mode(fdname, stdfspec)
    if not set(mode) & set("wax+"):
        raise BadStdStreamFile(f"{fdname} {name!r} has the mode {mode!r}, which does not allow writing")
    try:
        if directory := os.path.dirname(name):
            os.makedirs(directory, exist_ok=True)
        return open(name, mode, encoding=None if "b" in mode else "utf-8")  # the caller closes it
    except (OSError, ValueError) as error:
        raise BadStdStreamFile(f"{fdname} {name!r} cannot be opened with mode {mode!r}", error) from error


class TaskStreams:
    """A task's output files, open while a ``with`` block lasts, and the end of what went to stderr.

    Args:
        stdout: A path, a pair of path and mode, or None.
        stderr: The same; if it is the same file, it is opened once.

    Attributes:
        stdout: The open file, None where nothing was asked for.
        stderr: The same.
        stdout_path: Its path.
        stderr_path: The same.

    Raises:
        BadStdStreamFile: One is described wrongly; on entering, it cannot be opened for writing.
    """

    def __init__(self, stdout: StreamSpec | None, stderr: StreamSpec | None) -> None:
        self._specs = stdout, stderr
        self.stdout_path = None if stdout is None else get_std_fname_mode("stdout", stdout)[0]
        self.stderr_path = None if stderr is None else get_std_fname_mode("stderr", stderr)[0]
        self.stdout: IO[Any] | None = None
        self.stderr: IO[Any] | None = None
        self._written_before = 0

    def __enter__(self) -> None:
        stdout, stderr = self._specs
        self.stdout = open_std_fd("stdout", stdout)
        if self.stdout and self.stderr_path and _same_file(self.stdout_path, self.stderr_path):
            self.stderr = self.stdout  # opened twice, each would write over the other
        else:
            try:
                self.stderr = open_std_fd("stderr", stderr)
            except BaseException:
                self.__exit__()
                raise
        if self.stderr:
            self._written_before = os.fstat(self.stderr.fileno()).st_size

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def tail(self) -> str | None:
        """The last lines that this task wrote to stderr; None where they did not go to a file."""
        if self.stderr_path is None:
            return None
        try:
            with open(self.stderr_path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._written_before, size - TAIL_BYTES))
                text = file.read(TAIL_BYTES).decode("utf-8", errors="replace")
        except OSError as error:
            return f"(cannot be read: {error})"
        return "\n".join(text.splitlines()[-TAIL_LINES:])


def _same_file(first: str | None, second: str) -> bool:
    return first is not None and os.path.realpath(first) == os.path.realpath(second)
