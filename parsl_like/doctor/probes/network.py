"""Which ports and addresses an executor could have on this machine."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from parsl_like.doctor.probes.listener import bound
from parsl_like.doctor.sightings import SeenNetwork

if TYPE_CHECKING:
    import socket

    from parsl_like.executors.high_throughput.description import HighThroughputExecutor

LINKS = 2
"""An executor listens at two ports: for tasks and results, and for everything else."""


def listening_host(executor: HighThroughputExecutor) -> str:
    """What an executor listens at, ``*`` for every address of this machine."""
    return executor.address or ("*" if executor.encrypted else executor.loopback_address)


def reached_at(executor: HighThroughputExecutor) -> list[str]:
    """The names under which managers are told to look for an executor."""
    from parsl_like.addresses import own_addresses

    host = listening_host(executor)
    return own_addresses(ipv6=False) if host == "*" else [host]


def ports_of(executor: HighThroughputExecutor) -> list[int]:
    """The ports to choose from for one link, as the executor does: the chosen one, or those of the range."""
    if executor.worker_port is not None:
        return [executor.worker_port]
    low, high = executor.worker_port_range
    return random.sample(range(low, high + 1), high + 1 - low)


def seen_network(executor: HighThroughputExecutor) -> SeenNetwork:
    """Try the ports and the address of an executor; each is released at once."""
    from parsl_like.addresses import own_addresses

    host, addresses = listening_host(executor), tuple(own_addresses())
    if executor.transport == "ipc":
        return SeenNetwork(addresses)
    misplaced = _why_not(host, 0)
    if misplaced is not None:
        return SeenNetwork(addresses, misplaced=misplaced)
    chosen = [port for port in (executor.worker_port, executor.control_port) if port is not None]
    reasons = {port: _why_not(host, port) for port in chosen}
    taken = {port: reason for port, reason in reasons.items() if reason is not None}
    wanted = LINKS - len(chosen)
    low, high = executor.worker_port_range
    return SeenNetwork(addresses, None, taken, _free(host, range(low, high + 1), wanted), wanted)


def _why_not(host: str, port: int) -> str | None:
    try:
        bound(host, [port]).close()
    except OSError as error:
        return str(error)
    return None


def _free(host: str, ports: range, wanted: int) -> int:
    """How many of some ports can be had, counted no further than to as many as are wanted."""
    held: list[socket.socket] = []
    try:
        for port in ports:
            if len(held) >= wanted:
                break
            if _why_not(host, port) is None:
                held.append(bound(host, [port]))
    except OSError:  # somebody was quicker: the number is as good as any other of that moment
        pass
    finally:
        for door in held:
            door.close()
    return len(held)
