"""Folders that nobody but their user can look into or change, whatever the umask is."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from parsl_like.errors import ConfigurationError

PRIVATE = 0o700


def private_folder(path: str | os.PathLike[str]) -> str:
    """Make a folder that only this user can enter, and those above it that are missing likewise.

    One that is there already stays as it is, if it can be trusted.

    Returns:
        Its path.

    Raises:
        ConfigurationError: if somebody else may have made it, or may change what is in it.
        OSError: if it cannot be made.
    """
    folder = os.path.abspath(os.fspath(path))
    make_folders(folder, PRIVATE)
    check_folder(folder)
    return folder


def make_folders(path: str, mode: int) -> None:
    """Make a folder and those above it that are missing; the umask can only take rights of others away.

    Args:
        path: An absolute path.
        mode: What each of them may allow at most.

    Raises:
        ConfigurationError: if somebody else may have put one of those above it there.
        OSError: if it cannot be made.
    """
    missing = []
    place = path
    while not os.path.lexists(place):
        missing.append(place)
        place = os.path.dirname(place)
    _check_who_made(place)
    for folder in reversed(missing):
        with suppress(FileExistsError):  # another process was quicker
            os.mkdir(folder, mode)
            if os.stat(folder).st_mode & PRIVATE != PRIVATE:
                os.chmod(folder, PRIVATE)
    if not os.path.isdir(path):
        raise NotADirectoryError(20, "Not a directory", path)


def check_folder(path: str) -> None:
    """Whether what is in a folder can only come from this user, his group where he lets it write, and root.

    Raises:
        ConfigurationError: if not; names the folder and what is wrong with it.
        OSError: if it is not there.
    """
    _check_who_made(path)
    status = os.stat(path)
    owner = status.st_uid
    if hasattr(os, "geteuid") and os.geteuid() and owner not in (0, os.geteuid()):
        raise _refusal(path, f"it belongs to another user ({owner})")
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX and os.name == "posix":
        raise _refusal(path, f"anybody can change what is in it ({stat.filemode(status.st_mode)})")


def _check_who_made(path: str) -> None:
    """Whether no other user can have planted any part of a path: in a folder like /tmp, where anybody may."""
    if not hasattr(os, "geteuid"):
        return
    open_to_all = False
    for part in (*reversed(_above(path)), path):
        made = os.lstat(part)
        if open_to_all and made.st_uid not in (0, os.geteuid()):
            raise _refusal(part, f"another user ({made.st_uid}) has put it where anybody may put something")
        open_to_all = bool(os.stat(part).st_mode & stat.S_IWOTH)


def _above(path: str) -> list[str]:
    found = []
    while (parent := os.path.dirname(path)) != path:
        found.append(parent)
        path = parent
    return found


def _refusal(path: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path!r} cannot be trusted: {what}.",
        hint="use a folder of your own, that only you can write to (chmod go-w).",
    )
