"""One try to fetch or send a file by HTTP or HTTPS (RFC 9110): ranges, redirects, proxies, checksums."""

from __future__ import annotations

import base64
import binascii
import email.utils
import http.client
import os
import re
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import pace as paces
from parsl_like.remote.transfers.trouble import Trouble, of_files, of_network
from parsl_like.remote.transfers.urls import Address, address
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from parsl_like.remote.transfers.landing import Landing
    from parsl_like.remote.transfers.limits import Limits
    from parsl_like.remote.transfers.pace import Pace

CHUNK = 256 * 1024
"""Bytes that are asked for at once."""

LONGEST_WORDS = 200
"""Characters of a server's own words that an error repeats."""

AGENT = f"parsl_like/{VERSION}"
_LATER = {408, 425, 429, 500, 502, 503, 504}
"""Answers after which the same request may be answered otherwise (RFC 9110, RFC 6585, RFC 8470)."""

_ELSEWHERE = {301, 302, 303, 307, 308}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_DIGESTS = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
"""Names of checksums in headers (RFC 3230, RFC 9530), and here."""


class Link(NamedTuple):
    """A connection that has been asked something.

    Attributes:
        answer: What the server says; its body is yet to be read.
        place: Where it says so, after all redirects.
    """

    answer: http.client.HTTPResponse
    place: Address


# --- fetching


def fetch(place: Address, landing: Landing, limits: Limits, pace: Pace) -> None:
    """Try once to bring a file to its landing; what an earlier try has left there is gone on with.

    Raises:
        Trouble: it did not arrive, or not as a whole.
    """
    headers = {"Accept-Encoding": "identity"}
    if landing.there and landing.mark is not None:
        headers |= {"Range": f"bytes={landing.there}-", "If-Range": landing.mark}
    elif landing.there:
        landing.restart()
    with asked("GET", place, headers, limits, pace) as link:
        _begin(link.answer, landing)
        _receive(link.answer, landing, link.place.host)


def _begin(answer: http.client.HTTPResponse, landing: Landing) -> None:
    """Judge the answer's head: what is there may stay, and how much is to come."""
    if answer.status == 416 and landing.there:
        landing.restart()
        raise Trouble("the server's file has become shorter meanwhile", transient=True)
    if answer.status == 206 and landing.there:
        found = _RANGE.match(answer.getheader("Content-Range", ""))
        if found is None or int(found[1]) != landing.there:
            landing.restart()
            raise Trouble("the server sent another part than it was asked for", transient=True)
        landing.expect(None if found[2] == "*" else int(found[2]), _digests(answer, whole=False))
        return
    if answer.status != 200:
        raise refusal(answer)
    if landing.there:
        landing.restart()
    landing.mark = _mark(answer)
    landing.expect(answer.length if not answer.chunked else None, _digests(answer, whole=True))


def _receive(answer: http.client.HTTPResponse, landing: Landing, host: str) -> None:
    announced = None if answer.chunked else answer.length
    came = 0
    try:
        while chunk := answer.read1(CHUNK):
            came += len(chunk)
            landing.write(chunk)
    except http.client.HTTPException as error:
        raise Trouble(f"{host} broke off after {landing.there} bytes", transient=True) from error
    except OSError as error:
        raise of_network(error, f"reading from {host} after {landing.there} bytes") from error
    if announced is not None and came < announced:
        raise Trouble(f"{host} broke off: {came} of {announced} bytes came", transient=True)


def _mark(answer: http.client.HTTPResponse) -> str | None:
    """What If-Range may say of this content: an entity tag that is not weak, or a time that cannot be ambiguous."""
    if answer.getheader("Accept-Ranges", "").strip().lower() == "none":
        return None
    tag = answer.getheader("ETag")
    if tag is not None:
        return tag if tag.startswith('"') else None
    changed, told = answer.getheader("Last-Modified"), answer.getheader("Date")
    with suppress(TypeError, ValueError):  # not dates
        if changed and told and (_moment(told) - _moment(changed)) >= 60:  # RFC 9110, section 8.8.2.2
            return changed
    return None


def _moment(date: str) -> float:
    return email.utils.parsedate_to_datetime(date).timestamp()


def _digests(answer: http.client.HTTPResponse, *, whole: bool) -> dict[str, str]:
    """The checksums of the whole file that an answer has in its head."""
    found: dict[str, str] = {}
    written = [part for name in ("Digest", "Repr-Digest") for part in answer.getheader(name, "").split(",")]
    if whole:  # of what is sent, which is a part of the file where a part was asked for
        written += answer.getheader("Content-Digest", "").split(",")
        if answer.getheader("Content-MD5"):
            written.append(f"md5={answer.getheader('Content-MD5')}")
    for part in written:
        name, equals, value = part.strip().partition("=")
        algorithm = _DIGESTS.get(name.lower())
        if equals and algorithm is not None:
            with suppress(binascii.Error, ValueError):  # not what it says; then it says nothing
                found[algorithm] = base64.b64decode(value.strip(":"), validate=True).hex()
    return found


# --- sending


def send(place: Address, path: str, limits: Limits, pace: Pace) -> int:
    """Try once to put a file where a URL says, and ask the server how much of it is there; its size in bytes.

    Raises:
        Trouble: it is not there, or not as a whole.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            body = _Body(file, pace)
            with asked("PUT", place, {"Content-Length": str(size)}, limits, pace, body) as link:
                if link.answer.status not in (200, 201, 202, 204):
                    raise refusal(link.answer)
                there = link.place
    except OSError as error:
        raise of_files(error, f"reading {path}") from error
    with asked("HEAD", there, {"Accept-Encoding": "identity"}, limits, pace) as link:
        told = link.answer.getheader("Content-Length") if link.answer.status == 200 else None
    if told is not None and told.isdigit() and int(told) != size:
        raise Trouble(f"the server has {told} bytes of {size}", transient=True)
    return size


class _Body:
    """A file as http.client sends it, so that a server that takes nothing is noticed and a slow one is not blamed."""

    def __init__(self, file: IO[bytes], pace: Pace) -> None:
        self._file, self._pace = file, pace

    def read(self, count: int = -1) -> bytes:
        chunk = self._file.read(count)
        self._pace.sent(len(chunk))
        return chunk

    def rewind(self) -> None:
        self._file.seek(0)


# --- asking


@contextmanager
def asked(
    method: str,
    place: Address,
    headers: Mapping[str, str],
    limits: Limits,
    pace: Pace,
    body: _Body | None = None,
) -> Iterator[Link]:
    """The answer to a request, after all redirects; its connection is closed in the end.

    Raises:
        Trouble: there is no answer.
    """
    been = {place._replace(shown="")[:6]}
    for _ in range(limits.redirects + 1):
        connection, absolute = _connected(place, limits, pace)
        try:
            answer = _answer(connection, method, place, absolute, {**headers, **_identity(place)}, body)
            if answer.status not in _ELSEWHERE or answer.getheader("Location") is None:
                yield Link(answer, place)
                return
            if body is not None and answer.status not in (307, 308):
                raise Trouble(f"the server answers {method} by {answer.status}, a redirect to another kind of request")
        finally:
            connection.close()
        place = _next(place, answer.getheader("Location", ""))
        if place[:6] in been:
            raise Trouble(f"redirects go round in a circle, at {place.shown}")
        been.add(place[:6])
        if body is not None:
            body.rewind()
    raise Trouble(f"there were more than {limits.redirects} redirects")


def _next(place: Address, location: str) -> Address:
    """Where a redirect leads; user and password go along only to the same server."""
    base = f"{place.scheme}://{_netloc(place)}{place.path}"
    try:
        there = address(urljoin(base, location))
    except StagingError as error:
        raise Trouble(f"the server redirects to what cannot be fetched: {error.reason}") from error
    if there.scheme not in ("http", "https"):
        raise Trouble(f"the server redirects to {there.shown}, which is not HTTP")
    if place.scheme == "https" and there.scheme == "http":
        raise Trouble(f"the server redirects to {there.shown}, where TLS does not protect it")
    if there.origin == place.origin and there.user is None:
        there = there._replace(user=place.user, password=place.password)
    return there


def _connected(place: Address, limits: Limits, pace: Pace) -> tuple[http.client.HTTPConnection, bool]:
    """A connection, and whether it is with a proxy that wants whole URLs."""
    pace.reset()
    proxy = _proxy(place)
    through = (proxy.host, proxy.port) if proxy is not None else (place.host, place.port)
    connection = _Connection(through, place, limits, pace)
    if proxy is not None and place.scheme == "https":
        connection.set_tunnel(place.host, place.port, headers=_identity(proxy, "Proxy-Authorization"))
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        what = f"connecting to {through[0]}:{through[1]}" + (" (a proxy)" if proxy is not None else "")
        if isinstance(error, OSError):
            raise of_network(error, what) from error
        raise Trouble(f"{what}: it does not speak HTTP", transient=True) from error
    except BaseException:
        connection.close()
        raise
    connection.proxy_headers = {} if proxy is None else _identity(proxy, "Proxy-Authorization")
    return connection, proxy is not None and place.scheme == "http"


class _Connection(http.client.HTTPConnection):
    """A connection whose silence is noticed; with TLS for ``https:``."""

    proxy_headers: Mapping[str, str] = {}

    def __init__(self, through: tuple[str, int], place: Address, limits: Limits, pace: Pace) -> None:
        super().__init__(*through, timeout=limits.silence)
        self._place, self._limits, self._pace = place, limits, pace
        self._create_connection = lambda address, *_: paces.connection(address, pace)

    def connect(self) -> None:
        super().connect()
        if self._place.scheme == "https":
            tls = paces.context(self._limits.ca_file)
            self.sock = paces.secured(self.sock, tls, self._place.host, self._pace)


def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    place: Address,
    absolute: bool,
    headers: Mapping[str, str],
    body: _Body | None,
) -> http.client.HTTPResponse:
    host = _netloc(place)
    target = f"{place.scheme}://{host}{place.path}" if absolute else place.path
    also = getattr(connection, "proxy_headers", {}) if absolute else {}
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # of a body that the server does not want: it may say why
            connection.request(
                method, target, body, {"Host": host, "User-Agent": AGENT, "Connection": "close", **headers, **also}
            )
        return connection.getresponse()
    except http.client.RemoteDisconnected as error:
        raise Trouble(f"{place.host} closed the connection without an answer", transient=True) from error
    except http.client.HTTPException as error:
        raise Trouble(
            f"{place.host} does not answer as a web server does ({type(error).__name__})", transient=True
        ) from error
    except OSError as error:
        raise of_network(error, f"asking {place.host}") from error


def refusal(answer: http.client.HTTPResponse) -> Trouble:
    """What a server says that does not do what it was asked for."""
    wait = None
    told = answer.getheader("Retry-After", "").strip()
    if told.isdigit():
        wait = float(told)
    elif told:
        with suppress(TypeError, ValueError):  # no date
            wait = max(0.0, _moment(told) - time.time())
    words = "".join(filter(str.isprintable, answer.reason))[:LONGEST_WORDS]
    reason = f"the server answers {answer.status} {words}".rstrip()
    return Trouble(reason, transient=answer.status in _LATER, wait=wait)


def _netloc(place: Address) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    usual = {"http": 80, "https": 443}[place.scheme]
    return host if place.port == usual else f"{host}:{place.port}"


def _identity(place: Address, header: str = "Authorization") -> dict[str, str]:
    """The header with user and password, where the URL has some (RFC 7617)."""
    if place.user is None:
        return {}
    pair = f"{place.user}:{place.password or ''}".encode()
    return {header: f"Basic {base64.b64encode(pair).decode()}"}


def _proxy(place: Address) -> Address | None:
    """The proxy that the environment names for a URL (``http_proxy``, ``https_proxy``, ``no_proxy``)."""
    from urllib.request import getproxies, proxy_bypass

    named = getproxies().get(place.scheme)
    if not named or proxy_bypass(place.host):
        return None
    if "://" not in named:
        named = f"http://{named}"
    parts = urlsplit(named)
    if parts.scheme != "http" or not parts.hostname:
        raise Trouble(f"the environment names a proxy of a kind that is not known here, {parts.scheme}:")
    return Address(
        "http",
        parts.hostname,
        parts.port or 80,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        "/",
        f"http://{parts.hostname}",
        None,
        {},
    )
