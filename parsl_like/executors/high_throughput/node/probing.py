"""Which of an interchange's addresses lead to it from this node."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.executors.high_throughput.options import Endpoint, Transport

PROBE_S = 30.0
"""Seconds after which an address that does not answer is given up, where the user has not said otherwise."""


class Reachable(NamedTuple):
    """What a probe found.

    Attributes:
        endpoints: Those to try, the quickest to answer first; none if none answered in time.
        failures: Why each of the others cannot be reached, by URL.
    """

    endpoints: list[Endpoint]
    failures: dict[str, str]


def reachable(endpoints: Sequence[Endpoint], transport: Transport, timeout: float | None, interrupt: int) -> Reachable:
    """Try all endpoints at once; as soon as one answers, it is first, and those still undecided come after it.

    Where there is a way within this host, addresses are not even tried.

    Args:
        endpoints: The likeliest first; where several answer at once, the earlier one is first.
        transport: ``ipc`` or ``tcp`` leaves the others out; None leaves out unix sockets of another host.
        timeout: Seconds to wait for the first answer; None for ``PROBE_S``.
        interrupt: A descriptor that ends the waiting when it becomes readable.
    """
    probe = _Probe()
    try:
        for endpoint in endpoints:
            probe.begin(endpoint, transport)
        return probe.wait(PROBE_S if timeout is None else timeout, interrupt)
    finally:
        probe.close()


class _Probe:
    def __init__(self) -> None:
        self._pending: dict[int, tuple[socket.socket, Endpoint]] = {}
        self._answered: list[Endpoint] = []
        self._untried: list[Endpoint] = []
        self._failures: dict[str, str] = {}

    def begin(self, endpoint: Endpoint, transport: Transport) -> None:
        url = endpoint.control
        local = url.startswith("ipc:")
        if transport is not None and local != (transport == "ipc"):
            self._failures[url] = f"the transport is {transport}"
            return
        try:
            if local:
                self._knock(endpoint, transport)
            elif self._answered:
                self._untried.append(endpoint)
            else:
                self._connect(endpoint)
        except (OSError, ValueError) as error:
            self._failures[url] = str(error)

    def _knock(self, endpoint: Endpoint, transport: Transport) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(1.0)
            door.connect(endpoint.control.removeprefix("ipc://"))
            if transport != "ipc" and not _shares_network(door):
                raise OSError("it belongs to another network namespace")
        self._answered.append(endpoint)

    def _connect(self, endpoint: Endpoint) -> None:
        place = urlsplit(endpoint.control)
        if not place.hostname or not place.port:
            raise ValueError("it names no host and port")
        family, kind, _, _, address = socket.getaddrinfo(place.hostname, place.port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family, kind)
        door.setblocking(False)
        try:
            with contextlib.suppress(BlockingIOError):
                door.connect(address)
        except OSError:  # no way there; the system would call an unconnected socket writable, as if it had answered
            door.close()
            raise
        self._pending[door.fileno()] = (door, endpoint)

    def wait(self, timeout: float, interrupt: int) -> Reachable:
        poll = select.poll()
        poll.register(interrupt, select.POLLIN)
        for descriptor in self._pending:
            poll.register(descriptor, select.POLLOUT)
        deadline = time.monotonic() + timeout
        while self._pending and not self._answered and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in sorted(poll.poll(left * 1000), key=lambda found: found[0]):
                if descriptor == interrupt:
                    return Reachable([], self._failures)
                poll.unregister(descriptor)
                self._decide(*self._pending.pop(descriptor))
        undecided = [endpoint for _, endpoint in self._pending.values()]
        if not self._answered:
            self._failures |= {endpoint.control: f"no answer within {timeout:g} s" for endpoint in undecided}
            return Reachable([], self._failures)
        return Reachable(self._answered + self._untried + undecided, self._failures)

    def _decide(self, door: socket.socket, endpoint: Endpoint) -> None:
        code = door.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        _hang_up(door)
        if code:
            self._failures[endpoint.control] = os.strerror(code)
        else:
            self._answered.append(endpoint)

    def close(self) -> None:
        for door, _ in self._pending.values():
            _hang_up(door)


def _hang_up(door: socket.socket) -> None:
    """Close a connection with a reset: whoever only looked is no stranger who was refused."""
    door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    door.close()


def _shares_network(door: socket.socket) -> bool:
    """Whether whoever listens there lives in this process's network namespace: else it counts as another host."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    pid, _, _ = struct.unpack("3i", door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), os.stat("/proc/self/ns/net"))
    except OSError:
        return False
