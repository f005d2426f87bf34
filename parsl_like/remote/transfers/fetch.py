"""Files fetched from and sent to servers, whole or not at all."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.errors import StagingError
from parsl_like.remote.transfers.landing import Landing
from parsl_like.remote.transfers.limits import DEFAULT
from parsl_like.remote.transfers.pace import Pace
from parsl_like.remote.transfers.progress import Progress
from parsl_like.remote.transfers.trouble import Trouble, tried
from parsl_like.remote.transfers.urls import address

if TYPE_CHECKING:
    from types import ModuleType

    from parsl_like.remote.transfers.limits import Limits
    from parsl_like.remote.transfers.urls import Address


class Moved(NamedTuple):
    """What a transfer did.

    Attributes:
        url: From or to where, without anything secret.
        path: The file on this machine.
        size: Its bytes.
        seconds: How long it took.
        tries: How many tries it took.
        digests: Its checksums that were checked, in hexadecimal digits by algorithm.
    """

    url: str
    path: str
    size: int
    seconds: float
    tries: int
    digests: dict[str, str]


def fetch(url: str, path: str | os.PathLike[str], limits: Limits = DEFAULT) -> Moved:
    """Fetch a file: in the end the whole of it is there, under its name, or nothing is.

    Sizes and checksums are compared with what the server says of them, and with what the URL itself may say after
    ``#``: ``https://host/data.bin#sha256=...&size=...``. A try that breaks off is gone on with where it ended, if
    the server knows how to, and the file has not changed.

    Args:
        url: ``http:``, ``https:``, ``ftp:``, ``ftps:`` or ``sftp:``, with user and password if need be.
        path: Where to put it; its directory is made if it is missing.
        limits: How long and how often to try.

    Raises:
        StagingError: it did not arrive; the sentence says why, and has the URL without anything secret.
    """
    place, begun = address(url), time.monotonic()
    pace = Pace(limits)
    progress = Progress(place.shown, os.path.abspath(path), limits.progress_period)
    try:
        with _landing(os.fspath(path), place, progress, url if limits.keep_partial else None) as landing:

            def once() -> dict[str, str]:
                _link(place).fetch(place, landing, limits, pace)
                return landing.complete()

            digests, tries = tried(once, lambda: landing.there, limits, url=place.shown)
            return Moved(place.shown, landing.path, landing.there, time.monotonic() - begun, tries, digests)
    except Trouble as trouble:  # of the place where it should go
        raise StagingError(place.shown, trouble.reason) from trouble.__cause__


def send(path: str | os.PathLike[str], url: str, limits: Limits = DEFAULT) -> Moved:
    """Send a file: by PUT to a web server, or to an FTP server under a temporary name until all of it is there.

    Args:
        path: The file.
        url: ``http:``, ``https:``, ``ftp:``, ``ftps:`` or ``sftp:``, with user and password if need be.
        limits: How long and how often to try.

    Raises:
        StagingError: it is not there; the sentence says why, and has the URL without anything secret.
    """
    place, begun, path = address(url), time.monotonic(), os.fspath(path)
    progress = Progress(place.shown, os.path.abspath(path), limits.progress_period)
    pace = Pace(limits, progress=progress)
    if not os.path.isfile(path):
        raise StagingError(place.shown, f"{path} is no file that could be sent")

    def once() -> int:
        progress.begin(_size(path))
        sent: int = _link(place).send(place, path, limits, pace)
        return sent

    size, tries = tried(once, lambda: 0, limits, url=place.shown)
    return Moved(place.shown, os.path.abspath(path), size, time.monotonic() - begun, tries, {})


def _landing(path: str, place: Address, progress: Progress, kept: str | None) -> Landing:
    """Where the file arrives; one that is kept when it does not is known by its URL."""
    if kept is None:
        return Landing(path, place.size, place.digests, progress)
    from parsl_like.remote.transfers.partial import KeptLanding

    return KeptLanding(path, place.size, place.digests, progress, kept)


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:  # gone meanwhile, as the transfer will find
        return None


def _link(place: Address) -> ModuleType:
    """The module that speaks with such servers."""
    if place.scheme in ("http", "https"):
        from parsl_like.remote.transfers import web

        return web
    if place.scheme == "sftp":
        from parsl_like.remote.transfers import sftp

        return sftp
    from parsl_like.remote.transfers import ftp

    return ftp
