"""URLs: their parts as a transfer needs them, and how they may be shown."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from parsl_like.errors import StagingError

PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "sftp": 0}
"""The schemes that can be fetched, and where their servers listen; 0 for where ssh's configuration says."""

_SECRET = re.compile(r"sig|token|pass|pwd|secret|key|cred|auth", re.IGNORECASE)
_DIGEST = re.compile(r"(md5|sha1|sha256|sha384|sha512)=([0-9a-fA-F]+)")
_SIZE = re.compile(r"size=(\d+)")
_AS_WRITTEN = "%/:=&?~#+!$,;'@()*[]"


class Address(NamedTuple):
    """A file on a server.

    Attributes:
        scheme: Of :data:`PORTS`.
        host: Its name or address, without brackets.
        port: A number.
        user: Who asks; None if the URL does not say.
        password: Likewise.
        path: With percent signs, as a web server wants it, and the query.
        shown: The URL without anything secret.
        size: Bytes that the file must have; None if the URL does not say.
        digests: Checksums that it must have, by algorithm, in hexadecimal digits.
    """

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    path: str
    shown: str
    size: int | None
    digests: dict[str, str]

    @property
    def plain_path(self) -> str:
        """The path as an FTP server wants it."""
        return unquote(self.path)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom a password is for."""
        return self.scheme, self.host, self.port


def is_secret(name: str) -> bool:
    """Whether what has this name should not be shown."""
    return _SECRET.search(name) is not None


def shown(url: str) -> str:
    """The URL as errors and logs may have it: without user and password, and without signatures in its query."""
    head, mark, rest = url.partition("://")
    if not mark:
        return url
    end = re.search(r"[/?#]", rest)
    place, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    path, mark_of_query, query = path.partition("?")
    if mark_of_query:
        parts = [
            f"{name}=..." if equals and is_secret(name) else f"{name}{equals}{value}"
            for name, equals, value in (part.partition("=") for part in query.split("&"))
        ]
        path = f"{path}?{'&'.join(parts)}"
    return f"{head}://{place.rpartition('@')[2]}{path}"


def address(url: str) -> Address:
    """The parts of a URL; what follows ``#`` may say ``sha256=...`` and ``size=...`` of the file.

    Raises:
        StagingError: it is none that can be fetched.
    """
    told = shown(url)
    if any(ord(character) < 32 or ord(character) == 127 for character in unquote(url)):
        raise StagingError(repr(told)[1:-1], "the URL has a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise StagingError(told, "it is no URL") from error
    if parts.scheme not in PORTS:
        raise StagingError(told, f"{parts.scheme or 'nothing'}: is none of {', '.join(f'{name}:' for name in PORTS)}")
    if not parts.hostname:
        raise StagingError(told, "the URL names no host")
    host = parts.hostname
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise StagingError(told, f"{host!r} is no name of a host") from error
    path = quote(parts.path or "/", safe=_AS_WRITTEN)
    if parts.query:
        path += "?" + quote(parts.query, safe=_AS_WRITTEN)
    size = _SIZE.search(parts.fragment)
    return Address(
        parts.scheme,
        host,
        PORTS[parts.scheme] if port is None else port,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        path,
        told,
        None if size is None else int(size[1]),
        {algorithm: digits.lower() for algorithm, digits in _DIGEST.findall(parts.fragment)},
    )
