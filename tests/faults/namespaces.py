"""Several hosts on one machine: network namespaces with addresses of their own, joined by a bridge.

Each host shares files and processes with this machine, but not its network: its loopback is its own, and whoever runs
there reaches this machine over the bridge alone, at :attr:`Cluster.address`. Links are cut without either end being
told, as by a cable or a switch, and whatever is made here is removed by :meth:`Cluster.close`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.launchers import WrappedLauncher

if TYPE_CHECKING:
    from collections.abc import Iterator

ESTABLISHED = "01"


class Cluster:
    """This machine and some hosts beside it.

    Args:
        count: How many hosts.

    Attributes:
        address: This machine as the hosts see it.
        hosts: The names of their namespaces.
    """

    def __init__(self, count: int) -> None:
        self._stack = ExitStack()
        number = os.getpid() & 0xFFFF
        self._net = f"10.{number >> 8}.{number & 0xFF}"
        self._bridge = f"plb{number:x}"
        self.address = f"{self._net}.254"
        self.hosts: list[str] = []
        self._silenced: set[str] = set()
        try:
            self._build(number, count)
        except BaseException:
            self.close()
            raise

    def _build(self, number: int, count: int) -> None:
        _ip("link", "add", self._bridge, "type", "bridge")
        self._stack.callback(_ip, "link", "del", self._bridge)
        _ip("addr", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for index in range(count):
            host = f"pl{number:x}-{index}"
            _ip("netns", "add", host)
            self._stack.callback(_ip, "netns", "del", host)
            _ip("link", "add", self._cable(host), "type", "veth", "peer", "name", "eth0", "netns", host)
            self._stack.callback(_quietly, "link", "del", self._cable(host))
            _ip("link", "set", self._cable(host), "master", self._bridge, "up")
            _ip("-n", host, "addr", "add", f"{self._net}.{index + 1}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", host, "link", "set", device, "up")
            self.hosts.append(host)

    def _cable(self, host: str) -> str:
        return f"v{host}"

    def close(self) -> None:
        """Remove it all."""
        self._stack.close()

    def address_of(self, host: str) -> str:
        """A host as the others see it."""
        return f"{self._net}.{self.hosts.index(host) + 1}"

    def silence(self, host: str) -> None:
        """From now on whatever a host sends or should get vanishes; its own end of the cable stays up."""
        self._silenced.add(host)
        _bridge("link", "set", "dev", self._cable(host), "state", "0")

    def unplug(self, host: str) -> None:
        """Pull out the cable of a host; it can see that."""
        _ip("link", "set", self._cable(host), "down")

    def mend(self, host: str) -> None:
        """End both."""
        if host in self._silenced:
            self._silenced.remove(host)
            _bridge("link", "set", "dev", self._cable(host), "state", "3")
        else:
            _ip("link", "set", self._cable(host), "up")

    def slow(self, host: str, rate: str) -> None:
        """Let no more come to a host, like ``20mbit``."""
        _run(
            "tc", "qdisc", "add", "dev", self._cable(host), "root", "tbf", "rate", rate, "burst", "64k", "latency", "1s"
        )

    def add_black_hole(self) -> str:
        """Give this machine another address, from which the hosts get no answer, not even a refusal."""
        hole = f"{self._net}.253"
        _ip("addr", "add", f"{hole}/24", "dev", self._bridge)
        for host in self.hosts:
            _ip("-n", host, "neigh", "add", hole, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent")
        return hole

    def launcher(self) -> WrappedLauncher:
        """Starts each block on the next host that none has been started on; with one host, all on that."""
        if len(self.hosts) == 1:
            return WrappedLauncher(f"ip netns exec {self.hosts[0]}")
        taken = tempfile.mkdtemp()
        self._stack.callback(shutil.rmtree, taken)
        free = f"for h in {' '.join(self.hosts)}; do mkdir {taken}/$h 2>/dev/null && echo $h && break; done"
        return WrappedLauncher(f"ip netns exec $({free})")

    def host_of(self, pid: int) -> str:
        """The host on which a process runs."""
        network = os.stat(f"/proc/{pid}/ns/net").st_ino
        return next(host for host in self.hosts if os.stat(f"/run/netns/{host}").st_ino == network)

    def sent(self, host: str) -> int:
        """Bytes that have come to a host."""
        return int(Path(f"/sys/class/net/{self._cable(host)}/statistics/tx_bytes").read_text())


def tcp_peers(pid: int) -> set[str]:
    """The other ends of the TCP connections that a process has, whatever network it is in (``man 5 proc_pid_net``)."""
    sockets = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")}
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == ESTABLISHED and f"socket:[{fields[9]}]" in sockets:
            found.add(socket.inet_ntoa(bytes.fromhex(fields[2].split(":")[0])[::-1]))
    return found


@contextmanager
def cluster(count: int = 1) -> Iterator[Cluster]:
    """Hosts for a test; it is skipped where they cannot be made, but not under CI."""
    if reason := _missing():
        if os.environ.get("CI"):
            pytest.fail(f"no network namespaces: {reason}")
        pytest.skip(f"no network namespaces: {reason}")
    made = Cluster(count)
    try:
        yield made
    finally:
        made.close()


def _missing() -> str:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can make them"
    lacking = [tool for tool in ("ip", "bridge", "tc") if shutil.which(tool) is None]
    if lacking:
        return f"{', '.join(lacking)} not found (iproute2)"
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return probe.stderr.strip() if probe.returncode else ""


def _ip(*words: str) -> None:
    _run("ip", *words)


def _bridge(*words: str) -> None:
    _run("bridge", *words)


def _quietly(*words: str) -> None:
    """For what goes with something else, at once or a little later."""
    subprocess.run(["ip", *words], capture_output=True, check=False)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
