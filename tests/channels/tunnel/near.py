"""A channel to this machine that is used as if it were another: its processes are real, and so are its ports."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from parsl_like.core.ports import CommandResult
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

HOST = "near"
PATIENCE_S = 30.0


class NearProcess:
    """A process with a pipe for its standard input and one for its output."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stdout is not None
        self._out = self.process.stdout
        self._text = b""
        self._closing = threading.Lock()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def read_line(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while b"\n" not in self._text:
            try:
                ready, _, _ = select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise ChannelError(f"no line within {timeout:g} s", HOST, transient=True)
                piece = os.read(self._out.fileno(), 4096)
            except (ValueError, OSError) as error:
                raise ChannelError(f"it was closed: {error}", HOST, transient=True) from error
            if not piece:
                raise ChannelError(f"it has ended: {self._last_words()}", HOST, transient=True)
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()

    def _last_words(self) -> str:
        assert self.process.stderr is not None
        self.process.wait(PATIENCE_S)
        return self.process.stderr.read().decode().strip()

    def close(self) -> None:
        with self._closing:
            assert self.process.stdin is not None
            self.process.stdin.close()
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_S)
            self._out.close()
            assert self.process.stderr is not None
            self.process.stderr.close()


class NearSession:
    """Starts processes here; a port of the other machine's loopback is the same port of this one's.

    Attributes:
        host: What it calls the other machine.
        refusal: What ``start`` raises, if anything.
        started: The processes so far.
        forwarded: The ports that were asked for.
    """

    def __init__(self) -> None:
        self.host = HOST
        self.refusal: ChannelError | None = None
        self.started: list[NearProcess] = []
        self.tries = 0
        self.forwarded: list[int] = []

    @property
    def folder(self) -> PurePosixPath:
        return PurePosixPath(os.getcwd())

    def run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> CommandResult:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def push(self, local: Path, remote: PurePath) -> None:
        Path(remote).write_bytes(local.read_bytes())

    def pull(self, remote: PurePath, local: Path) -> None:
        local.write_bytes(Path(remote).read_bytes())

    def start(self, argv: Sequence[str]) -> NearProcess:
        self.tries += 1
        if self.refusal is not None:
            raise self.refusal
        try:
            self.started.append(NearProcess(argv))
        except OSError as error:
            raise ChannelError(str(error), HOST) from error
        return self.started[-1]

    def forward(self, port: int) -> int:
        self.forwarded.append(port)
        return port

    def close(self) -> None:
        for process in self.started:
            process.close()


class Echo:
    """Listens at a port of the loopback and gives back what comes, in threads that end with it; a context."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, name="echo")]
        self._threads[0].start()

    def _listen(self) -> None:
        while True:
            try:
                end, _ = self._door.accept()
            except OSError:
                return
            self._ends.append(end)
            self._threads.append(threading.Thread(target=self._answer, args=[end], name="echo"))
            self._threads[-1].start()

    @staticmethod
    def _answer(end: socket.socket) -> None:
        with suppress(OSError), end:
            while piece := end.recv(1 << 16):
                end.sendall(piece)

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)


def connected(route: str) -> socket.socket:
    """A connection to ``host:port``."""
    host, _, port = route.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def echoed(route: str, text: bytes) -> bytes:
    """What comes back for a text, sent over a connection of its own whose sending half is then closed."""
    with connected(route) as end:
        end.sendall(text)
        end.shutdown(socket.SHUT_WR)
        return b"".join(pieces(end))


def pieces(end: socket.socket) -> Iterator[bytes]:
    while piece := end.recv(1 << 16):
        yield piece


def answer(route: str) -> bytes:
    """The first byte of what comes back for one."""
    with connected(route) as end:
        end.sendall(b"x")
        return end.recv(1)
