"""Where processes of one host find each other: whether it is the same host, and a directory for unix sockets."""

from __future__ import annotations

import contextlib
import os
import socket as sockets
import stat
import tempfile
import uuid
from pathlib import Path

from parsl_like.errors import ExecutorError

SOCKET_NAME_LENGTH = 24
"""Room kept, in bytes, for the name of a socket in :func:`socket_directory`."""

SOCKET_PATH_LENGTH = 103
"""The longest path of a unix socket, in bytes, that both Linux (107, ``man 7 unix``) and macOS take."""


def host_identity() -> str:
    """A text that two processes share only if a unix socket or a loopback address of one is the other's too.

    It names the boot of the machine, its host name and the network namespace.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = f"{uuid.getnode():012x}"
    try:
        namespace = str(os.stat("/proc/self/ns/net").st_ino)
    except OSError:
        namespace = "-"
    return f"{boot}:{sockets.gethostname()}:{namespace}"


def socket_directory() -> str:
    """A new directory that only this user can enter, with a path short enough for unix sockets; the caller removes it.

    Raises:
        ExecutorError: if there is no place for one.
    """
    # XDG_RUNTIME_DIR comes last: it is emptied when its user logs out, which a long run in the background survives.
    places = [os.environ.get("TMPDIR"), "/tmp", os.environ.get("XDG_RUNTIME_DIR")]  # noqa: S108
    for place in filter(None, places):
        if len(os.fsencode(place)) + len("/pl-abcdefgh/") + SOCKET_NAME_LENGTH > SOCKET_PATH_LENGTH or not _is_trusted(
            place
        ):
            continue
        with contextlib.suppress(OSError):
            directory = tempfile.mkdtemp(prefix="pl-", dir=place)
            os.chmod(directory, 0o700)
            return directory
    raise ExecutorError(
        "htex",
        f"no directory for unix sockets: tried {', '.join(filter(None, places))}",
        hint="set TMPDIR to a writable directory with a path under 60 characters, or transport='tcp'.",
    )


def allow_many_files() -> int:
    """Let this process have as many descriptors as it may: each link and each large value takes some.

    Gives how many it could have before, 0 if that cannot be known here.
    """
    try:
        import resource
    except ImportError:
        return 0
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a system that says more than it grants
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return before


def _is_trusted(place: str) -> bool:
    """Whether nobody but this user and root can replace what is in a directory."""
    try:
        status = os.stat(place)
    except OSError:
        return False
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
    return stat.S_ISDIR(status.st_mode) and status.st_uid in (0, os.geteuid()) and not shared
