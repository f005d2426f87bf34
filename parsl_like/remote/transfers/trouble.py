"""What stops a try to move a file, and the tries that follow."""

from __future__ import annotations

import errno
import random
import time
from typing import TYPE_CHECKING, NoReturn, TypeVar

from parsl_like.errors import StagingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.remote.transfers.limits import Limits

T = TypeVar("T")

NEWS = 64 * 1024
"""Bytes that a try must have brought to count as one that brought something."""

_HERE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR}
"""Errors of this machine's files, which no further try removes."""


class Trouble(Exception):
    """Why a try has failed.

    Args:
        reason: In words, without the URL and without anything secret.
        transient: Whether another try may help.
        wait: Seconds that the server wants to be left alone; None if it does not say.
    """

    def __init__(self, reason: str, *, transient: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.transient, self.wait = reason, transient, wait


def of_network(error: OSError, doing: str) -> Trouble:
    """The trouble that an error of a connection is.

    Args:
        error: What the system said.
        doing: What was being done, as in "connecting to example.org".
    """
    import socket
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(f"{doing}: the server's certificate cannot be verified ({error.verify_message})")
    if isinstance(error, ssl.SSLError):
        return Trouble(f"{doing}: {error.reason or error}", transient=True)
    if isinstance(error, TimeoutError):
        return Trouble(f"{doing}: nothing came for too long", transient=True)
    if isinstance(error, socket.gaierror):
        unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
        return Trouble(f"{doing}: {error.strerror}", transient=not unknown)
    return Trouble(f"{doing}: {error.strerror or error or type(error).__name__}", transient=True)


def of_files(error: OSError, doing: str) -> Trouble:
    """The trouble that an error of this machine's files is; it is not tried again, but for a broken file system's.

    Args:
        error: What the system said.
        doing: What was being done, as in "writing /data/x".
    """
    return Trouble(
        f"{doing}: {error.strerror or error}", transient=error.errno not in _HERE and error.errno == errno.EIO
    )


def tried(
    once: Callable[[], T],
    brought: Callable[[], int],
    limits: Limits,
    *,
    url: str,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[T, int]:
    """What a try gives that ends well, and how many there were.

    Args:
        once: One try.
        brought: How many bytes are there by now: more than after any try before means that it was worth while.
        limits: How often, and how long in all.
        url: What is moved, as it may be shown.
        sleep: Waits between tries.

    Raises:
        StagingError: no try has ended well.
    """
    begun, most, vain, number = time.monotonic(), 0, 0, 0
    while True:
        number += 1
        try:
            return once(), number
        except Trouble as trouble:
            there = brought()
            vain = 0 if there >= most + NEWS else vain + 1
            most = max(most, there)
            wait = _wait(trouble, vain, limits)
            late = limits.total is not None and time.monotonic() + wait - begun > limits.total
            if not trouble.transient or vain >= limits.tries or late:
                _give_up(url, trouble, number, time.monotonic() - begun, limits.total if late else None)
            sleep(wait)


def _wait(trouble: Trouble, vain: int, limits: Limits) -> float:
    wait = min(limits.first_wait * 2.0 ** max(vain - 1, 0), limits.longest_wait) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret hangs on it
    return wait if trouble.wait is None else max(wait, min(trouble.wait, limits.longest_wait))


def _give_up(url: str, trouble: Trouble, number: int, seconds: float, total: float | None) -> NoReturn:
    tries = f" (tried {number} times in {seconds:.0f} s)" if number > 1 else ""
    over = f"; the {total:g} s that it may take are over" if total is not None else ""
    raise StagingError(url, f"{trouble.reason}{tries}{over}") from trouble.__cause__
