"""A web server of this machine that does what it should, and each thing that servers do and should not."""

from __future__ import annotations

import base64
import collections
import email.utils
import hashlib
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

USER, PASSWORD = "reader", "s3cret:word"
RUDE = struct.pack("ii", 1, 0)


def forget_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers of this machine asked directly, whatever the environment says."""
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Answers(BaseHTTPRequestHandler):
    """By the first part of the path: ``/cut/1000/name`` is the file "name", broken off after 1000 bytes.

    ========================  ====================================================================================
    cut/N/NAME                the length of all, N bytes, the end of the connection; with ranges
    portions/N/NAME           N bytes each time
    once-cut/N/NAME           the same, and the next time all of it
    reset/N/NAME              likewise, with a reset
    no-ranges/N/NAME          cut once, and ranges are ignored
    changing/N/NAME           cut once, and the next time it is another file
    chunked/NAME, torn/NAME   in chunks; and broken off within them
    endless/NAME              neither length nor chunks
    long/NAME                 more bytes than announced, in chunks
    status/N/NAME             that answer
    flaky/N/STATUS/NAME       that answer N times, then the file
    redirect/N/NAME           N redirects to the file
    circle, away, down        a redirect to itself; to another server; to "ftp:"
    local                     a redirect to a file of the client's own machine
    wordy                     a reason that is long and has control characters
    silent                    takes the request and says nothing
    drip/NAME                 a byte of its body now and then
    drop                      likewise, of its head
    garbage                   something that is not HTTP
    auth/NAME                 for those who know the password
    digest/KIND/NAME          with a checksum in the head: right, or with "wrong" in KIND
    full/NAME                 PUT: 507
    ========================  ====================================================================================
    """

    protocol_version = "HTTP/1.1"
    server: WebServer

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers.items())))
        first, *rest = urlsplit(self.path).path.lstrip("/").split("/")
        kind = getattr(self, "get_" + first.replace("-", "_"), None)
        if kind is None:
            self.give(self.content(urlsplit(self.path).path.lstrip("/")))
        else:
            kind(*rest)

    def do_HEAD(self) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers.items())))
        self.give(self.content(self.path.lstrip("/")))

    def do_PUT(self) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers.items())))
        name = unquote(self.path.lstrip("/"))
        first, _, rest = name.partition("/")
        if first == "full":
            self.close_connection = True
            self.say(507)
            return
        if first == "redirect":
            self.rfile.read(int(self.headers["Content-Length"]))
            self.say(307, Location=f"/{rest}")
            return
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if first == "flaky" and self.server.seen_before(name, 1):
            self.say(503)
            return
        self.server.files[name] = data[:-1] if first == "short" else data
        self.say(201)

    # --- parts

    def content(self, name: str) -> bytes | None:
        return self.server.files.get(unquote(name))

    def say(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def give(self, data: bytes | None, stop: int | None = None, *, ranges: bool = True, **headers: str) -> None:
        if data is None:
            self.say(404, b"nothing here\n")
            return
        begin, tag = 0, f'"{hashlib.sha256(data).hexdigest()}"'
        asked = self.headers.get("Range", "")
        if ranges and asked.startswith("bytes=") and self.headers.get("If-Range", tag) == tag:
            begin = int(asked[6:].partition("-")[0])
            if begin >= len(data):
                self.say(416, Content_Range=f"bytes */{len(data)}")
                return
            headers["Content_Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self.send_response(206 if "Content_Range" in headers else 200)
        for name, value in {"ETag": tag, "Content_Length": str(len(data) - begin), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[begin:stop])
        if stop is not None:
            self.close_connection = True

    def raw(self, *head: str) -> None:
        self.close_connection = True
        self.wfile.write("".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *head, "")).encode())

    # --- what can go wrong

    def get_cut(self, count: str, name: str) -> None:
        self.give(self.content(name), int(count))

    def get_portions(self, count: str, name: str) -> None:
        asked = self.headers.get("Range", "bytes=0-")
        self.give(self.content(name), int(asked[6:].partition("-")[0]) + int(count))

    def get_once_cut(self, count: str, name: str) -> None:
        self.give(self.content(name), int(count) if self.server.seen_before(self.path, 1) else None)

    def get_reset(self, count: str, name: str) -> None:
        if not self.server.seen_before(self.path, 1):
            self.give(self.content(name))
            return
        self.give(self.content(name), int(count))
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RUDE)

    def get_no_ranges(self, count: str, name: str) -> None:
        self.give(self.content(name), int(count) if self.server.seen_before(self.path, 1) else None, ranges=False)

    def get_changing(self, count: str, name: str) -> None:
        data = self.content(name)
        if data is not None and not self.server.seen_before(self.path, 1):
            self.give(data[::-1])
            return
        self.give(data, int(count))

    def chunks(self, data: bytes) -> None:
        self.raw("Transfer-Encoding: chunked")
        for start in range(0, len(data), 50_000):
            part = data[start : start + 50_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def get_chunked(self, name: str) -> None:
        self.chunks(self.content(name) or b"")
        self.wfile.write(b"0\r\n\r\n")

    def get_torn(self, name: str) -> None:
        self.chunks((self.content(name) or b"")[:100_000])
        self.wfile.write(b"ffff\r\nabc")

    def get_endless(self, name: str) -> None:
        self.raw("Connection: close")
        self.wfile.write(self.content(name) or b"")

    def get_status(self, status: str, *_: str) -> None:
        self.say(int(status), b"not a file\n")

    def get_flaky(self, count: str, status: str, name: str) -> None:
        if self.server.seen_before(self.path, int(count)):
            self.say(int(status), b"later\n", Retry_After="0")
            return
        self.give(self.content(name))

    def get_redirect(self, count: str, name: str) -> None:
        left = int(count) - 1
        self.say(302, Location=f"/redirect/{left}/{name}" if left else f"../../{name}")

    def get_circle(self) -> None:
        self.say(302, Location="/circle?" if self.path == "/circle" else "/circle")

    def get_away(self, port: str, name: str) -> None:
        self.say(302, Location=f"http://127.0.0.1:{port}/{name}")

    def get_down(self) -> None:
        self.say(302, Location="ftp://127.0.0.1/x")

    def get_local(self) -> None:
        self.say(302, Location="file:///etc/passwd")

    def get_wordy(self) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 404 \x1b[31m" + b"no " * 5000 + b"\r\nContent-Length: 0\r\n\r\n")

    def get_silent(self) -> None:
        self.close_connection = True
        self.server.closing.wait(60)

    def get_drip(self, name: str) -> None:
        self.raw(f"Content-Length: {len(self.content(name) or b'')}")
        while not self.server.closing.wait(0.1):
            self.wfile.write(b".")

    def get_drop(self, *_: str) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.closing.wait(0.4):
            self.wfile.write(b".")

    def get_garbage(self) -> None:
        self.close_connection = True
        self.wfile.write(b"220 this is another protocol\r\n")

    def get_auth(self, name: str) -> None:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {pair}":
            self.say(401, WWW_Authenticate='Basic realm="tests"')
            return
        self.give(self.content(name))

    def get_digest(self, kind: str, name: str) -> None:
        data = self.content(name) or b""
        wrong = b"x" if kind.startswith("wrong") else b""
        code = {
            "md5": ("Content-MD5", "{}", hashlib.md5),
            "sha": ("Digest", "UNIXsum=1,SHA-256={}", hashlib.sha256),
            "repr": ("Repr-Digest", "sha-512=:{}:", hashlib.sha512),
        }
        header, pattern, make = code[kind.removeprefix("wrong-")]
        digest = base64.b64encode(make(data + wrong).digest()).decode()
        self.give(data, **{header.replace("-", "_"): pattern.format(digest)})

    def get_dated(self, count: str, name: str) -> None:
        """No tag, but a time, and cut once."""
        data, first = self.content(name) or b"", self.server.seen_before(self.path, 1)
        changed = email.utils.formatdate(time.time() - 3600, usegmt=True)
        self.server.marks.append(self.headers.get("If-Range"))
        begin = int(self.headers["Range"][6:-1]) if self.headers.get("If-Range") else 0
        headers = {"Content_Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        self.send_response(206 if begin else 200)
        head = {"Last_Modified": changed, "Content_Length": str(len(data) - begin), **headers}
        for field, value in head.items():
            self.send_header(field.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data[begin : int(count) if first else None])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: tests print enough."""


class WebServer(ThreadingHTTPServer):
    """Serves while a ``with`` block lasts.

    Args:
        files: What it has.
        certificate: For TLS, a file with certificate and key.
        address: Where it listens.
    """

    request_queue_size = 128
    daemon_threads = False

    def __init__(self, files: dict[str, bytes], certificate: Path | None = None, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Answers)
        self.files = files
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.marks: list[str | None] = []
        self.closing = threading.Event()
        self._seen: collections.Counter[str] = collections.Counter()
        self._scheme, self._tls = "http", None
        if certificate is not None:
            self._scheme, self._tls = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)

    def get_request(self) -> Any:
        link, place = super().get_request()
        link.settimeout(30)
        if self._tls is not None:
            link = self._tls.wrap_socket(link, server_side=True, do_handshake_on_connect=False)
        return link, place

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str, *, user: str = "") -> str:
        return f"{self._scheme}://{user}{self.server_address[0]}:{self.port}/{path}"

    def seen_before(self, what: str, count: int) -> bool:
        """Whether it was asked for at most so often by now."""
        self._seen[what] += 1
        return self._seen[what] <= count

    def paths(self, method: str = "GET") -> list[str]:
        """What was asked for."""
        return [path for each, path, _ in self.requests if each == method]

    def handle_error(self, *_: object) -> None:
        """Clients break off here on purpose."""

    def shutdown_request(self, request: Any) -> None:
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == RUDE:
            request.close()  # without the farewell that shutdown would send
            return
        super().shutdown_request(request)

    def __enter__(self) -> WebServer:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="web server")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
