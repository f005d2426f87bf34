"""A channel to "another" machine that is this one: what goes over a connection goes through pipes to a shell here."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.channels.base import Channel
from parsl_like.channels.errors import SSHException
from parsl_like.channels.remote_session import RemoteSession

if TYPE_CHECKING:
    from collections.abc import Mapping

PIECE = 1 << 16
SLICE_S = 0.2


class PipeWire:
    """A shell that runs a line; it is told nothing when its input ends, like a command of an ssh server."""

    def __init__(self, line: str, shell: str, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [shell, "-c", line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=dict(environment),
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._stdin = self.process.stdin
        self._lost = False
        self._open = {self.process.stdout.fileno(): 0, self.process.stderr.fileno(): 1}

    @property
    def alive(self) -> bool:
        return not self._lost and self.process.poll() is None

    def send(self, data: bytes, timeout: float) -> None:
        try:
            while data:
                data = data[os.write(self._stdin.fileno(), data) :]
        except (BrokenPipeError, ValueError) as error:
            raise EOFError from error

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        deadline = time.monotonic() + timeout
        while self._open and not self._lost:
            poll = select.poll()
            for descriptor in self._open:
                poll.register(descriptor, select.POLLIN)
            left = deadline - time.monotonic()
            ready = poll.poll(max(0.0, min(left, SLICE_S)) * 1000)
            if self._lost:
                break
            if not ready and left <= 0:
                raise TimeoutError
            got = [b"", b""]
            for descriptor, _ in ready:
                got[self._open[descriptor]] = data = os.read(descriptor, PIECE)
                if not data:
                    del self._open[descriptor]
            if any(got):
                return got[0], got[1]
        raise EOFError

    def end_input(self) -> None:
        self._stdin.close()

    def lose(self) -> None:
        """The connection is gone: nothing comes any more, and the shell's input ends."""
        self._lost = True
        self._stdin.close()

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class PipeSession(RemoteSession):
    """Runs everything here.

    Args:
        envs: Variables added to the environment of commands.
        shell: The login shell.
        path: What is put in front of the path of the login.
    """

    def __init__(self, envs: Mapping[str, str] | None = None, shell: str = "sh", path: str = "") -> None:
        super().__init__("pipes", envs or {})
        self.shell = shell
        self.environment = {
            **os.environ,
            "PATH": f"{path}{os.pathsep}{os.environ['PATH']}" if path else os.environ["PATH"],
        }
        self.wires: list[PipeWire] = []

    def _open_wire(self, line: str, deadline: float) -> PipeWire:
        del deadline
        if not self.shell:
            raise SSHException("it was closed", self.host, transient=True)
        self.wires.append(PipeWire(line, self.shell, self.environment))
        return self.wires[-1]

    def forward(self, port: int) -> int:
        """Its loopback is this machine's."""
        return port

    def close(self) -> None:
        self.shell = ""
        for wire in self.wires:
            wire.lose()
            wire.close()


@dataclass
class PipeChannel(Channel):
    """Describes it."""

    def open(self) -> PipeSession:
        return PipeSession()
