"""An FTP server of this machine (RFC 959, 3659, 4217) that keeps its files in memory, with faults to be chosen."""

from __future__ import annotations

import posixpath
import socket
import socketserver
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "writer", "p@ss word"


class _Session(socketserver.StreamRequestHandler):
    server: FTPServer

    def setup(self) -> None:
        if self.server.tls is not None and self.server.implicit:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.folder, self.user, self.rest, self.old = "/", "", 0, ""
        self.passive: socket.socket | None = None
        self.private = False

    def finish(self) -> None:
        if self.passive is not None:
            self.passive.close()
        with suppress(OSError):
            super().finish()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.close()

    def handle(self) -> None:
        if "silent" in self.server.faults:
            self.server.closing.wait(30)
            return
        self.say("220 ready")
        with suppress(OSError):
            while line := self.rfile.readline(4096):
                command, _, argument = line.decode().strip().partition(" ")
                self.server.commands.append(line.decode().strip())
                if command.upper() in self.server.unknown:
                    self.say("502 unknown")
                    continue
                answer = getattr(self, f"do_{command.upper()}", None)
                if answer is None:
                    self.say("502 unknown")
                elif answer(argument) == "end":
                    return

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
        self.wfile.flush()

    def at(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, name))

    # --- who

    def do_USER(self, name: str) -> None:
        self.user = name
        self.say("331 and the password")

    def do_PASS(self, word: str) -> None:
        if self.user == "anonymous" or (self.user, word) == (USER, PASSWORD):
            self.say("230 welcome")
        else:
            self.say(f"530 {word} is not the password")

    def do_AUTH(self, _: str) -> None:
        if self.server.tls is None:
            self.say("502 unknown")
            return
        self.say("234 now")
        self.request = self.connection = self.server.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)  # type: ignore[assignment]

    def do_PBSZ(self, _: str) -> None:
        self.say("200 fine")

    def do_PROT(self, level: str) -> None:
        self.private = level == "P"
        self.say("200 fine")

    # --- what

    def do_TYPE(self, _: str) -> None:
        self.say("200 fine")

    def do_QUIT(self, _: str) -> str:
        self.say("221 farewell")
        return "end"

    def do_SIZE(self, name: str) -> None:
        data = self.server.files.get(self.at(name))
        self.say("550 nothing there" if data is None else f"213 {len(data)}")

    def do_MDTM(self, name: str) -> None:
        self.say("550 nothing there" if self.at(name) not in self.server.files else f"213 {self.server.changed}")

    def do_REST(self, begin: str) -> None:
        self.rest = int(begin)
        self.say("350 from there")

    def do_DELE(self, name: str) -> None:
        self.say("250 gone" if self.server.files.pop(self.at(name), None) is not None else "550 nothing there")

    def do_MKD(self, name: str) -> None:
        self.server.folders.add(self.at(name))
        self.say(f'257 "{name}"')

    def do_RNFR(self, name: str) -> None:
        self.old = self.at(name)
        self.say("350 and to what")

    def do_RNTO(self, name: str) -> None:
        if "keep" in self.server.faults and self.at(name) in self.server.files:
            self.say("553 it is there")
            return
        self.server.files[self.at(name)] = self.server.files.pop(self.old)
        self.say("250 done")

    # --- data

    def do_PASV(self, _: str) -> None:
        if self.passive is not None:
            self.passive.close()
        self.passive = socket.create_server(("127.0.0.1", 0))
        self.passive.settimeout(10)
        port = self.passive.getsockname()[1]
        self.say(f"227 here (10,0,0,1,{port // 256},{port % 256})")  # a wrong address, as behind a router

    def data(self) -> Any:
        assert self.passive is not None
        with self.passive:
            link = self.passive.accept()[0]
        self.passive = None
        link.settimeout(10)
        if self.private and self.server.tls is not None:
            link = self.server.tls.wrap_socket(link, server_side=True)
        return link

    def do_RETR(self, name: str) -> str | None:
        begin, self.rest = self.rest, 0
        data = self.server.files.get(self.at(name))
        if data is None:
            self.say("550 nothing there")
            return None
        if "busy" in self.server.faults and self.server.count("busy") == 1:
            self.say("450 busy")
            return None
        self.say("150 it comes")
        with self.data() as link:
            if "stall" in self.server.faults:
                link.sendall(data[begin : begin + 1000])
                self.server.closing.wait(30)
                return "end"
            if "drop" in self.server.faults and self.server.count("drop") <= self.server.drops:
                link.sendall(data[begin : begin + 300_000])
                return "end"
            link.sendall(data[begin:])
            if isinstance(link, ssl.SSLSocket):
                with suppress(OSError):
                    link.unwrap()
        self.say("226 done")
        return None

    def do_STOR(self, name: str) -> str | None:
        path = self.at(name)
        if posixpath.dirname(path) not in self.server.folders:
            self.say("550 no such directory")
            return None
        self.say("150 give it")
        data = b""
        with self.data() as link:
            while chunk := link.recv(65536):
                data += chunk
                if "full" in self.server.faults and len(data) > 100_000:
                    break
        self.server.files[path] = data[:-1] if "short" in self.server.faults else data
        if "full" in self.server.faults:
            self.say("552 the disk is full")
        elif "lost" in self.server.faults and self.server.count("lost") == 1:
            return "end"
        else:
            self.say("226 done")
        return None


class FTPServer(socketserver.ThreadingTCPServer):
    """Serves while a ``with`` block lasts.

    Args:
        files: What it has, by absolute path.
        faults: Of busy (450 once), drop (a fetch ends early), stall, silent, short, full, lost (of the last answer,
            once), keep (a rename replaces nothing).
        unknown: Commands that it does not know.
        certificate: For TLS, a file with certificate and key.
        implicit: Whether TLS begins at once.
    """

    allow_reuse_address = True

    def __init__(
        self,
        files: dict[str, bytes],
        *faults: str,
        unknown: tuple[str, ...] = (),
        certificate: Path | None = None,
        implicit: bool = False,
        drops: int = 1,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.files, self.faults, self.unknown, self.implicit = files, faults, unknown, implicit
        self.folders = {"/", *map(posixpath.dirname, files)}
        self.commands: list[str] = []
        self.changed = "20260101000000"
        self.drops = drops
        self.closing = threading.Event()
        self._counts: dict[str, int] = {}
        self.tls: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str, user: str = "") -> str:
        return f"{'ftp' if self.tls is None else 'ftps'}://{user}127.0.0.1:{self.port}/{path}"

    def count(self, what: str) -> int:
        self._counts[what] = self._counts.get(what, 0) + 1
        return self._counts[what]

    def handle_error(self, *_: object) -> None:
        """Clients break off here on purpose."""

    def __enter__(self) -> FTPServer:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="ftp server")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
