"""A file, wherever it is: the URL by which a program names it, and the local path where a task finds it."""

from __future__ import annotations

import os
import re
from typing import Any, Self

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::[A-Za-z][A-Za-z0-9+.-]+)*:/|file:")
"""How a URL begins. A scheme has two letters at least: ``C:/data`` is a path, and so is ``12:30.log``.

There may be several, as in ``simplecache::s3://bucket/key``, which fsspec reads.
"""


class File:
    """A file named by a URL or a path.

    Two Files are equal if their URLs are. Where staging has put a file is a matter of one task: it gets a copy of its
    own (:meth:`cleancopy`) whose ``local_path`` says so.

    Args:
        url: ``scheme://host/path``, or a path: text, or anything path-like. A path may hold any character, a ``file:``
            URL writes special ones as ``%20`` (RFC 8089).

    Attributes:
        url: What was given, as text.
        scheme: How the file is reached; "file" for paths.
        netloc: The host, with user and port; "" for paths.
        path: The path on that host.
        query: What follows ``?`` in a URL, "" if nothing does.
        filename: The last part of the path.
        local_path: Where the file is for the task at hand; None where staging has not put it anywhere.

    Raises:
        TypeError: ``url`` is neither text nor path-like.
    """

    def __init__(self, url: str | os.PathLike[Any]) -> None:
        self.url = os.fsdecode(url)
        self.scheme, self.netloc, self.path, self.query = "file", "", self.url, ""
        if _URL.match(self.url):
            self._read_url()
        self.filename = os.path.basename(self.path)
        self.local_path: str | None = None

    def _read_url(self) -> None:
        from urllib.parse import unquote, urlsplit  # most files are paths

        parts = urlsplit(self.url)
        self.scheme, self.netloc, self.path, self.query = parts.scheme, parts.netloc, parts.path, parts.query
        if self.scheme == "file":
            self.path = unquote(self.path)
            if os.name == "nt" and re.match(r"/[A-Za-z]:", self.path):
                self.path = self.path[1:]

    def cleancopy(self) -> Self:
        """The same file, staged nowhere."""
        return type(self)(self.url)

    @property
    def filepath(self) -> str:
        """Where a task finds the file on its own machine.

        Raises:
            ValueError: the file is elsewhere, and staging has put it nowhere.
        """
        if self.local_path is not None:
            return self.local_path
        if self.scheme == "file":
            return self.path
        raise ValueError(f"{self.url} has no local path: it has not been staged.")

    def __str__(self) -> str:
        return self.url if self.local_path is None and self.scheme != "file" else self.filepath

    def __fspath__(self) -> str:
        return self.filepath

    def __repr__(self) -> str:
        return f"File({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and self.url == other.url

    def __hash__(self) -> int:
        return hash((File, self.url))
