"""Files whose contents are run as code are opened only if nobody but their user can have written them."""

from __future__ import annotations

import os
import stat
from typing import Final

from parsl_like.errors import ConfigurationError
from parsl_like.folders import check_folder
from parsl_like.journal.errors import UntrustedFile

# Where the system does not have a flag, there is nothing that it would guard against.
CAREFULLY: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)  # a pipe that only looks like a file would keep the reader waiting


def open_trusted(path: str) -> int:
    """A descriptor of a regular file that belongs to this user or root, and that nobody else can write to.

    The folder that it is in must be such that no other user can have put it there. Where files have no owners
    (Windows), everything is trusted that is a regular file.

    Args:
        path: The file; a symbolic link is not followed.

    Raises:
        UntrustedFile: somebody else may have written it, or it is no regular file.
        OSError: it cannot be opened.
    """
    if os.path.islink(path):
        raise UntrustedFile(path, "it is a symbolic link", hint="name the folder where the file itself is.")
    descriptor = os.open(path, os.O_RDONLY | CAREFULLY | _NO_LINK | _NO_WAIT)
    try:
        _check(path, os.fstat(descriptor))
        check_folder(os.path.dirname(os.path.abspath(path)))
    except ConfigurationError as error:
        os.close(descriptor)
        raise UntrustedFile(path, f"its folder cannot be trusted: {error}") from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UntrustedFile(path, "it is not a regular file")
    if not hasattr(os, "geteuid"):
        return
    if status.st_uid not in (0, os.geteuid()):
        raise UntrustedFile(
            path,
            f"it belongs to user {status.st_uid}, and this is user {os.geteuid()}; what is in it would be run as code",
            hint="if you trust it, copy it to a folder of your own.",
        )
    if status.st_mode & 0o022:
        raise UntrustedFile(
            path,
            f"others can write to it ({stat.filemode(status.st_mode)}); what is in it would be run as code",
            hint=f"if you trust it: chmod go-w {path}",
        )
