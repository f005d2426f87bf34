"""An ssh server of this user's own on this machine, for whatever goes through an SSH connection."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil

PATIENCE_S = 20.0


class SecureShell:
    """sshd at a port of the loopback, with keys made for it; a context.

    Attributes:
        channel: What a channel needs to log in, by the names of its fields.
    """

    def __enter__(self) -> Self:
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise LookupError("sshd is not installed")
        self._folder = folder = Path(tempfile.mkdtemp(prefix="bench-ssh-"))
        for name in ("key", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        kind, key, *_ = (folder / "host_key.pub").read_text().split()
        (folder / "known").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
        lines = {
            "ListenAddress": f"127.0.0.1:{port}",
            "HostKey": folder / "host_key",
            "AuthorizedKeysFile": folder / "authorized",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PermitRootLogin": "prohibit-password",
            "Subsystem": "sftp internal-sftp",
            "SetEnv": f"HOME={folder}",  # start-up files may take longer than what is measured
        }
        (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        with (folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [program, "-D", "-e", "-f", str(folder / "config")], stdin=subprocess.DEVNULL, stderr=log
            )
        self.channel: dict[str, Any] = {
            "hostname": "127.0.0.1",
            "port": port,
            "username": getpass.getuser(),
            "key_filename": str(folder / "key"),
            "host_keys_filename": str(folder / "known"),
        }
        self._wait_for(port)
        return self

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise LookupError(f"sshd does not answer: {(self._folder / 'log').read_text()}") from None
                time.sleep(0.02)

    def reset(self) -> None:
        """End all connections."""
        for process in psutil.Process(self._server.pid).children(recursive=True):
            if process.name().startswith("sshd"):
                process.kill()

    def __exit__(self, *_: object) -> None:
        self.reset()
        self._server.kill()
        self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
