"""What a relay learns of the machine that it runs on: its addresses, its limits, and processes of its own kind.

The first part of the text that is sent there: see :mod:`~parsl_like.channels.tunnel.relay`.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import struct
from contextlib import suppress

MOST_CONNECTIONS = 30000
SPARE_DESCRIPTORS = 64
LOOPBACK = "127.0.0.1"
SIOCGIFADDR = 0x8915  # man 7 netdevice


def most_connections() -> int:
    """How many connections the descriptors allow, each of which takes two; as many as may be had are asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS + SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            wanted = soft
    return max(1, (wanted - SPARE_DESCRIPTORS) // 2)


def own_addresses() -> list[str]:
    """The addresses at which other machines may find this one; its loopback only if there are no others."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:  # it has none
                continue
            found.append(socket.inet_ntoa(answer[20:24]))
    others = [address for address in dict.fromkeys(found) if not address.startswith("127.")]
    return others or [LOOPBACK]


def words_of(process: str) -> list[bytes]:
    """The command line of a process; empty if it is gone or another user's secret."""
    try:
        with open("/proc/" + process + "/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def parent_of(process: str) -> str:
    """The parent of a process; 0 if there is none."""
    try:
        with open("/proc/" + process + "/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[1].decode()
    except (OSError, IndexError):
        return "0"


def end_former(name: str) -> None:
    """End relays of the same name: those that a lost connection has left behind, and that hold the ports."""
    spared = {"0", str(os.getpid())}
    process = parent_of(str(os.getpid()))
    while process not in spared:
        spared.add(process)
        process = parent_of(process)
    for process in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if process.isdigit() and process not in spared and name.encode() in words_of(process):
            with suppress(OSError):  # it has just ended, or is somebody else's
                os.kill(int(process), signal.SIGKILL)
