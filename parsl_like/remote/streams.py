"""Where a command's output goes."""

from __future__ import annotations

import os
from typing import IO, Any

from parsl_like.errors import BadStdStreamFile

StreamSpec = str | os.PathLike[str] | tuple[str | os.PathLike[str], str]


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
