"""Servers of OpenSSH for tests of channels, in a module that names this one as its plugin."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.site.system import System

PATIENCE_S = 30.0


@dataclass(frozen=True)
class SSHServers:
    """What a test needs to know of the servers, and who breaks the way to them.

    Attributes:
        system: The script that brought them up.
        folder: Where their keys are: ``key``, ``wrong_key``, ``locked_key`` (by ``"pass phrase"``), and the files
            ``known`` and ``known_none``.
        port: That of the good server.
        other_port: That of a server with another key than the known one.
        proxy_port: That of the way to the good server that can be broken.
    """

    system: System
    folder: Path
    port: int
    other_port: int
    proxy_port: int

    def options(self, **more: Any) -> dict[str, Any]:
        """The options of a channel to the good server; by their names others may be given."""
        return {
            "hostname": "127.0.0.1",
            "port": self.port,
            "username": "root",
            "key_filename": str(self.folder / "key"),
            "host_keys_filename": str(self.folder / "known"),
            "config_filename": os.devnull,
            **more,
        }

    def drop(self) -> None:
        """Reset all connections through the proxy."""
        self.system("drop")

    def freeze(self) -> None:
        """From now on nothing comes through the proxy."""
        self.system("freeze")

    def thaw(self) -> None:
        """It goes on."""
        self.system("thaw")

    def left(self) -> list[int]:
        """The processes that logins have started and that are still there."""
        return [int(line) for line in self.system("left").split()]

    def nothing_is_left(self, seconds: float = PATIENCE_S) -> None:
        """Wait until logins have left no process."""
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while left := self.left():
            assert time.monotonic() < deadline, f"still there: {[_command(process) for process in left]}"
            pause.wait(0.1)


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "(gone)"


@pytest.fixture(scope="session")
def ssh_system(bring_up: Callable[..., System]) -> System:
    """Servers on the loopback."""
    return bring_up("sshd", PYTHON=sys.executable)


@pytest.fixture
def ssh_servers(ssh_system: System) -> Iterator[SSHServers]:
    """The servers, whole; a test may leave no process there."""
    found = ssh_system.environment()
    servers = SSHServers(
        ssh_system,
        Path(found["SSHD_DIR"]),
        int(found["SSHD_PORT"]),
        int(found["SSHD_OTHER_PORT"]),
        int(found["SSHD_PROXY_PORT"]),
    )
    yield servers
    ssh_system("up")
    servers.nothing_is_left()
