"""Files of any system that fsspec knows, fetched and sent whole or not at all; needs the package ``fsspec``."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from parsl_like.errors import OptionalModuleMissing, StagingError
from parsl_like.remote.transfers.fetch import Moved
from parsl_like.remote.transfers.landing import Landing
from parsl_like.remote.transfers.limits import DEFAULT, Limits
from parsl_like.remote.transfers.places import has_come, once
from parsl_like.remote.transfers.progress import Progress, told
from parsl_like.remote.transfers.trouble import Trouble, of_files, tried
from parsl_like.remote.transfers.urls import is_secret, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHUNK = 1024 * 1024
"""Bytes that are asked for at once."""

_NEVER = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError, NotImplementedError)
"""What is the same with the next try."""


class BringAny(NamedTuple):
    """A file to be brought before a function is called.

    Attributes:
        url: Where it is; the scheme is one that fsspec knows.
        path: Where it shall be.
        token: By which it is known that it has been brought.
        options: For the file system, as fsspec takes them.
        limits: How often to try; how long is the file system's affair.
    """

    url: str
    path: str
    token: str
    options: Mapping[str, Any]
    limits: Limits = DEFAULT

    def before(self) -> None:
        """Bring it, unless it is here already.

        Raises:
            StagingError: it cannot be brought.
        """
        once(self.path, self.token, lambda: told(self.url, self.path, lambda: fetch_any(self)))

    def after(self) -> None:
        """Nothing."""


class TakeAny(NamedTuple):
    """A file to be taken away when a function has returned; the parts are those of :class:`BringAny`."""

    url: str
    path: str
    token: str
    options: Mapping[str, Any]
    limits: Limits = DEFAULT

    def before(self) -> None:
        """Make the directory that it will be in."""
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)

    def after(self) -> None:
        """Send it.

        Raises:
            StagingError: it is not there, or cannot be sent.
        """
        told(self.url, self.path, lambda: send_any(self))
        has_come(self.path, self.token)


def fetch_any(bring: BringAny, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Moved:
    """Fetch a file: in the end the whole of it is there, or nothing is.

    Args:
        bring: The file.
        after: What had to be waited for.

    Raises:
        StagingError: it cannot be had.
    """
    begun, url = time.monotonic(), shown(bring.url)
    try:
        progress = Progress(url, bring.path, bring.limits.progress_period)
        with Landing(bring.path, progress=progress) as landing:
            _, tries = tried(lambda: _fetched(bring, landing), lambda: landing.there, bring.limits, url=url)
            return Moved(url, landing.path, landing.there, time.monotonic() - begun, tries, {})
    except Trouble as trouble:
        raise StagingError(url, trouble.reason) from trouble.__cause__


def send_any(take: TakeAny, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Moved:
    """Send a file, and ask how much of it is there.

    Args:
        take: The file.
        after: What had to be waited for.

    Raises:
        StagingError: it is not there, or cannot be sent.
    """
    begun, url = time.monotonic(), shown(take.url)
    if not os.path.isfile(take.path):
        raise StagingError(url, f"{take.path} is no file that could be sent")
    progress = Progress(url, take.path, take.limits.progress_period)
    size, tries = tried(lambda: _sent(take, progress), lambda: 0, take.limits, url=url)
    return Moved(url, os.path.abspath(take.path), size, time.monotonic() - begun, tries, {})


def _fetched(bring: BringAny, landing: Landing) -> None:
    if landing.there:
        landing.restart()
    try:
        system, path = _system(bring)
        size = system.size(path)
        landing.expect(size)
        with system.open(path, "rb") as source:
            while chunk := source.read(CHUNK):
                landing.write(chunk)
    except Trouble:
        raise
    except Exception as error:  # whatever the file system raises, of any library
        raise _trouble(error, bring) from error
    landing.complete()


def _sent(take: TakeAny, progress: Progress) -> int:
    try:
        size = os.path.getsize(take.path)
        progress.begin(size)
        system, path = _system(take)
        folder = path.rpartition("/")[0]
        if folder:
            system.makedirs(folder, exist_ok=True)
        with open(take.path, "rb") as source, system.open(path, "wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
                progress.add(len(chunk))
        system.invalidate_cache()
        there = system.size(path)
    except Exception as error:  # whatever the file system raises, of any library
        raise _trouble(error, take) from error
    if there is not None and there != size:
        raise Trouble(f"{there} bytes are there of {size}", transient=True)
    return size


def _system(step: BringAny | TakeAny) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise OptionalModuleMissing(["fsspec"], "files of its file systems are staged where tasks run") from error
    system, path = url_to_fs(step.url, **dict(step.options))
    return system, str(path)


def _trouble(error: Exception, step: BringAny | TakeAny) -> Trouble:
    if isinstance(error, OptionalModuleMissing):
        return Trouble(str(error))
    if isinstance(error, ImportError):
        return Trouble(f"a package is missing: {error}")
    if isinstance(error, OSError) and error.errno is not None and error.filename == step.path:
        return of_files(error, f"reading {step.path}")
    text = _plain(str(error).replace(step.url, shown(step.url)), step)[:300]
    return Trouble(f"{type(error).__name__}: {text}", transient=not isinstance(error, _NEVER))


def _plain(text: str, step: BringAny | TakeAny) -> str:
    """What a file system says, without what is secret in the URL and the options."""
    try:
        password = urlsplit(step.url).password
    except ValueError:  # it is no URL, as the file system says
        password = None
    for word in {*([password, unquote(password)] if password else ()), *_secrets(step.options)}:
        text = text.replace(word, "...")
    return text


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _secrets(value)
        elif isinstance(value, str) and value and is_secret(str(name)):
            yield value
