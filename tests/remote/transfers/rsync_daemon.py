"""A daemon of rsync on this machine, and a stand-in for ssh that runs what it is given here."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from pathlib import Path

RSYNC = shutil.which("rsync")
needs_rsync = pytest.mark.skipif(RSYNC is None, reason="rsync is not installed")

PASSWORD = "open sesame"

CONFIG = """
use chroot = no
pid file = {folder}/pid
log file = {folder}/log
timeout = 20
max connections = 0
{user}
[data]
path = {data}
read only = no
[readonly]
path = {data}
read only = yes
[locked]
path = {data}
read only = no
auth users = me
secrets file = {folder}/secrets
[busy]
path = {data}
max connections = -1
"""


class Daemon:
    """A daemon of rsync, for ``with``: modules ``data``, ``readonly``, ``locked`` and ``busy`` of one directory.

    Args:
        folder: Where it keeps its files.
        data: The directory.
        address: Where it listens.
    """

    def __init__(self, folder: Path, data: Path, address: str = "127.0.0.1") -> None:
        self.folder, self.data, self.address = folder, data, address
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        user = "uid = 0\ngid = 0" if os.geteuid() == 0 else ""  # it would be nobody, who may not read what is here
        (self.folder / "conf").write_text(CONFIG.format(folder=self.folder, data=self.data, user=user))
        (self.folder / "secrets").write_text(f"me:{PASSWORD}\n")
        (self.folder / "secrets").chmod(0o600)
        with socket.socket() as probe:
            probe.bind((self.address, 0))
            self.port = probe.getsockname()[1]
        assert RSYNC is not None
        words = [RSYNC, "--daemon", "--no-detach", f"--config={self.folder}/conf", f"--port={self.port}"]
        self._process = subprocess.Popen([*words, f"--address={self.address}"], start_new_session=True)
        self._answers()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def url(self, path: str, module: str = "data", user: str = "") -> str:
        """Of a file."""
        return f"rsync://{user}{self.address}:{self.port}/{module}/{path}"

    def _answers(self) -> None:
        pause = threading.Event()
        for _ in range(600):
            with suppress(OSError), socket.create_connection((self.address, self.port), 5) as link:
                if link.recv(8).startswith(b"@RSYNCD:"):
                    return
            pause.wait(0.05)
        raise AssertionError(f"the daemon does not answer; see {self.folder}/log")


def remote_shell(folder: Path, before: str = "") -> tuple[str, ...]:
    """The words of a stand-in for ssh; what it is told is in the file ``told``.

    Args:
        folder: Where it is put.
        before: Lines of Python that it runs first.
    """
    script = folder / "shell.py"
    script.write_text(
        f"import os, sys\n"
        f"words = sys.argv[1:]\n"
        f"open({str(folder / 'told')!r}, 'a').write(repr(words) + chr(10))\n"
        f"while words[0] in ('-o', '-l', '-p'):\n"
        f"    words = words[2:]\n"
        f"{before}\n"
        f"os.execvp('sh', ['sh', '-c', ' '.join(words[1:])])\n"
    )
    return (sys.executable, str(script))
