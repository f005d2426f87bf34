"""One try to fetch or send a file by FTP (RFC 959, RFC 3659), with or without TLS (RFC 4217)."""

from __future__ import annotations

import ftplib
import posixpath
import re
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from parsl_like.remote.transfers import pace as paces
from parsl_like.remote.transfers.trouble import Trouble, of_files, of_network

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator

    from parsl_like.remote.transfers.landing import Landing
    from parsl_like.remote.transfers.limits import Limits
    from parsl_like.remote.transfers.pace import Pace
    from parsl_like.remote.transfers.urls import Address

CHUNK = 256 * 1024
"""Bytes that are asked for at once."""

PIECE = 16 * 1024
"""Bytes that are sent at once; the time limit is for each such piece."""

FAREWELL_S = 5.0
"""How long the end of TLS on a data connection is waited for; all that counts has been told by then."""

IMPLICIT = 990
"""The port on which TLS begins at once; on others it is asked for (AUTH TLS)."""


# --- fetching


def fetch(place: Address, landing: Landing, limits: Limits, pace: Pace) -> None:
    """Try once to bring a file to its landing; what an earlier try has left there is gone on with.

    Raises:
        Trouble: it did not arrive, or not as a whole.
    """
    with session(place, limits, pace) as link:
        size, mark = _size(link, place.plain_path), _mark(link, place.plain_path)
        if landing.there and (mark is None or mark != landing.mark):
            landing.restart()
        landing.mark = mark
        landing.expect(size)
        if not (landing.there and landing.there == size):
            _receive(link, place, landing)
        if size is not None and landing.there < size:
            raise Trouble(f"{place.host} broke off: {landing.there} of {size} bytes came", transient=True)


def _receive(link: _Session, place: Address, landing: Landing) -> None:
    try:
        data = link.transfercmd(f"RETR {place.plain_path}", landing.there or None)
    except ftplib.error_perm as error:
        if not landing.there:
            raise
        landing.restart()
        raise Trouble(f"the server does not go on with a file ({error})", transient=True) from error
    with data:
        while chunk := data.recv(CHUNK):
            link.pace.add(len(chunk))
            landing.write(chunk)
        _unwrap(data)
    link.voidresp()


def _size(link: _Session, path: str) -> int | None:
    with suppress(ftplib.error_perm):  # it is gone, which the next command says better, or nothing can be known
        return link.size(path)
    return None


def _mark(link: _Session, path: str) -> str | None:
    """When the file was changed last, as far as the server tells."""
    with suppress(ftplib.error_perm):
        return link.voidcmd(f"MDTM {path}")
    return None


# --- sending


def send(place: Address, path: str, limits: Limits, pace: Pace) -> int:
    """Try once to put a file where a URL says, under a temporary name until the server has it all; its size in bytes.

    Raises:
        Trouble: it is not there.
    """
    folder, name = posixpath.split(place.plain_path)
    part = posixpath.join(folder, f".{name[:200]}.{secrets.token_hex(8)}.part")
    with session(place, limits, pace) as link:
        try:
            sent = _store(link, path, part, folder)
            there = _size(link, part)
            if there is not None and there != sent:
                raise Trouble(f"the server has {there} bytes of {sent}", transient=True)
            _rename(link, part, place.plain_path)
        except BaseException:
            with suppress(ftplib.Error, OSError, EOFError, Trouble):  # the connection may be gone, and the file with it
                link.delete(part)
            raise
    return sent


def _store(link: _Session, path: str, part: str, folder: str) -> int:
    try:
        data = link.transfercmd(f"STOR {part}")
    except ftplib.error_perm:
        if not _make_folder(link, folder):
            raise
        data = link.transfercmd(f"STOR {part}")
    sent = 0
    with data:
        for chunk in _chunks(path):
            data.sendall(chunk)
            link.pace.sent(len(chunk))
            sent += len(chunk)
        _unwrap(data)
    link.voidresp()
    return sent


def _chunks(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while chunk := file.read(PIECE):
                yield chunk
    except OSError as error:
        raise of_files(error, f"reading {path}") from error


def _make_folder(link: _Session, folder: str) -> bool:
    """Make a directory and those above it; whether any was made."""
    made, path = False, ""
    for part in folder.split("/"):
        path = posixpath.join(path, part) if part else "/"
        if part:
            with suppress(ftplib.error_perm):  # it is there, or may not be made, which the next command says
                link.mkd(path)
                made = True
    return made


def _rename(link: _Session, part: str, path: str) -> None:
    try:
        link.rename(part, path)
    except ftplib.error_perm:  # there are servers that replace nothing
        link.delete(path)
        link.rename(part, path)


# --- connections


@contextmanager
def session(place: Address, limits: Limits, pace: Pace) -> Iterator[_Session]:
    """A connection on which a user is logged in.

    Raises:
        Trouble: there is none, or what is done on it fails.
    """
    tls = paces.context(limits.ca_file) if place.scheme == "ftps" else None
    link = _Session(place, tls, limits, pace)
    try:
        link.begin()
        yield link
        with suppress(ftplib.Error, OSError, EOFError):
            link.quit()
    except ftplib.error_perm as error:
        raise Trouble(f"the server refuses: {_plain(error, place)}") from error
    except ftplib.error_temp as error:
        raise Trouble(f"the server cannot do it now: {_plain(error, place)}", transient=True) from error
    except (ftplib.Error, EOFError) as error:
        raise Trouble(f"{place.host} broke off ({_plain(error, place)})", transient=True) from error
    except OSError as error:
        raise of_network(error, f"talking to {place.host}:{place.port}") from error
    finally:
        link.close()


def _plain(error: Exception, place: Address) -> str:
    """What a server has said, without the password, which some repeat."""
    text = re.sub(r"\s+", " ", str(error)).strip()[:300] or type(error).__name__
    return text.replace(place.password, "...") if place.password else text


class _Session(ftplib.FTP):
    """A control connection whose silence is noticed, and its data connections; all under TLS for ``ftps:``."""

    def __init__(self, place: Address, tls: ssl.SSLContext | None, limits: Limits, pace: Pace) -> None:
        super().__init__(timeout=limits.silence, encoding="utf-8")
        self._place, self._tls, self.pace = place, tls, pace
        self._private = False

    def begin(self) -> None:
        """Connect, and log in; without a user in the URL as "anonymous".

        Raises:
            OSError: there is no connection.
            ftplib.Error: there is no way in.
        """
        place = self._place
        self.host, self.port = place.host, place.port
        link: socket.socket = paces.connection((place.host, place.port), self.pace)
        self.sock, self.af = link, link.family
        if self._tls is not None and place.port == IMPLICIT:
            self._secure()
        self._listen()
        self.welcome = self.getresp()
        if self._tls is not None and place.port != IMPLICIT:
            self.voidcmd("AUTH TLS")
            self._secure()
            self._listen()
        self.login(place.user or "anonymous", place.password if place.password is not None else "anonymous@")
        if self._tls is not None:
            self.voidcmd("PBSZ 0")
            self.voidcmd("PROT P")
            self._private = True
        self.voidcmd("TYPE I")

    def _secure(self) -> None:
        assert self._tls is not None  # noqa: S101 - for the type checker
        self.sock = paces.secured(self.sock, self._tls, self._place.host, self.pace)  # type: ignore[arg-type]

    def _listen(self) -> None:
        self.file = self.sock.makefile("r", encoding=self.encoding, errors="replace")  # type: ignore[union-attr]

    def putcmd(self, line: str) -> None:
        """Send a command; from here on the server may take its time for it."""
        self.pace.reset()
        super().putcmd(line)

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[Any, int | None]:
        """A data connection and, where the server says it, how much will come."""
        plain, size = super().ntransfercmd(cmd, rest)
        data: socket.socket = paces.paced(plain, self.pace)
        if self._private and self._tls is not None:
            # Many servers want to see the session of the control connection, to know that it is the same client.
            data = paces.secured(data, self._tls, self._place.host, self.pace, session=self.sock.session)  # type: ignore[union-attr]
        return data, size


def _unwrap(data: socket.socket) -> None:
    """End TLS on a data connection in good order, so that a connection that was cut is known from one that ended."""
    unwrap = getattr(data, "unwrap", None)
    if unwrap is not None:
        data.settimeout(FAREWELL_S)
        with suppress(OSError):  # many servers do not answer to it
            unwrap()
