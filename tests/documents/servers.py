"""A web server and an FTP server (RFC 959, as far as reading a file needs it) on this machine."""

from __future__ import annotations

import posixpath
import socket
import socketserver
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    answers: type[socketserver.BaseRequestHandler]

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), self.answers)
        self.files = files


class _WebAnswers(BaseHTTPRequestHandler):
    server: HTTPServer

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Nothing: tests print enough."""


class HTTPServer(_Server):
    """Gives the files that it is made with."""

    answers = _WebAnswers


class _FileAnswers(socketserver.StreamRequestHandler):
    server: FTPServer

    def handle(self) -> None:
        self.directory = "/"
        self.passive: socket.socket | None = None
        self._say("220 ready")
        try:
            for line in self.rfile:
                command, _, argument = line.decode().strip().partition(" ")
                self._answer(command.upper(), argument)
        finally:
            if self.passive is not None:
                self.passive.close()

    def _answer(self, command: str, argument: str) -> None:
        known: Mapping[str, Callable[[str], None]] = {
            "USER": lambda _: self._say("331 any password"),
            "PASS": lambda _: self._say("230 welcome"),
            "TYPE": lambda _: self._say("200 as you like"),
            "CWD": self._enter,
            "PASV": self._listen,
            "SIZE": lambda name: self._say(f"213 {len(self.server.files.get(self._place(name), b''))}"),
            "RETR": self._give,
            "QUIT": lambda _: self._say("221 farewell"),
        }
        if command in known:
            known[command](argument)
        else:
            self._say("502 unknown")

    def _enter(self, directory: str) -> None:
        self.directory = self._place(directory)
        self._say("250 there")

    def _listen(self, _: str) -> None:
        self.passive = socket.create_server(("127.0.0.1", 0))
        port = self.passive.getsockname()[1]
        self._say(f"227 here (127,0,0,1,{port // 256},{port % 256})")

    def _give(self, name: str) -> None:
        content = self.server.files.get(self._place(name))
        if content is None or self.passive is None:
            self._say("550 no such file")
            return
        self._say("150 it comes")
        with self.passive, self.passive.accept()[0] as link:
            link.sendall(content)
        self.passive = None
        self._say("226 done")

    def _place(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self.directory, name))

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class FTPServer(_Server):
    """Gives the files that it is made with, to anybody."""

    answers = _FileAnswers
