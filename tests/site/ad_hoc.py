"""What tests ask of hosts with an sshd and a /tmp of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import python_app
from parsl_like.channels import OpenSSHChannel, SSHChannel

if TYPE_CHECKING:
    from parsl_like.channels import Channel
    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.system import System

KINDS = ["ssh", "openssh"]
"""The implementations of SSH: paramiko's, the system's."""
WAIT = 180.0


class Hosts:
    """Hosts that share nothing in /tmp, where all files of these tests are.

    Args:
        system: What has brought them up.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        facts = system.environment()
        self.head, self.rsh, self.network = facts["HOSTS_HEAD"], facts["HOSTS_RSH"], facts["HOSTS_NETWORK"]
        self._key, self._known = facts["HOSTS_KEY"], facts["HOSTS_KNOWN"]

    def channel(self, name: str, kind: str) -> Channel:
        """A channel to a host."""
        if kind == "ssh" and not os.environ.get("CI"):
            pytest.importorskip("paramiko")
        options: dict[str, Any] = {"username": "root", "python": sys.executable, "script_dir": "/tmp/jobs"}
        options |= {"key_filename": self._key, "host_keys_filename": self._known, "config_filename": os.devnull}
        return (SSHChannel if kind == "ssh" else OpenSSHChannel)(self.address(name), **options)

    def address(self, name: str) -> str:
        return f"{self.network}.{name.removeprefix('h')}"

    def on(self, name: str, command: str) -> str:
        """What a command on a host prints."""
        done = subprocess.run([self.rsh, name, command], capture_output=True, text=True, timeout=60, check=False)
        return done.stdout

    def processes(self, name: str) -> list[str]:
        """What runs on a host and was started by a login, or for any block."""
        return self.system("left", name).split()


@python_app
def work(number: int, seconds: float) -> tuple[int, str, str]:
    """Its number, the host where it ran, and how often it has run there."""
    import os
    import time
    from pathlib import Path

    mark = Path(f"/tmp/ran-{number}")
    with mark.open("a") as file:
        file.write("x")
    time.sleep(seconds)
    return number, os.uname().nodename, mark.read_text()


def both_work(hosts: Hosts) -> None:
    """Wait until both hosts run tasks, and forget which."""
    seen: set[str] = set()
    deadline = time.monotonic() + WAIT
    while seen != {"h1", "h2"}:
        assert time.monotonic() < deadline, f"only {seen} works"
        seen |= {future.result(WAIT)[1] for future in [work(-1, 0.2) for _ in range(8)]}
    for name in sorted(seen):
        hosts.on(name, "rm -f /tmp/ran-*")


def runs(hosts: Hosts, name: str) -> dict[str, int]:
    """How often each task has begun on a host."""
    listing = hosts.on(name, 'cd /tmp && for f in ran-*; do echo "$f $(wc -c < $f)"; done 2> /dev/null')
    return {line.split()[0]: int(line.split()[1]) for line in listing.splitlines() if not line.startswith("ran-*")}


def managers(kernel: DataFlowKernel) -> set[str]:
    """The names of those that are connected."""
    executor: Any = kernel.config.executors[0]  # type: ignore[index]
    return {manager["manager"] for manager in executor.connected_managers()}
