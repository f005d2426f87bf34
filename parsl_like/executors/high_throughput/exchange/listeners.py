"""The sockets at which an interchange awaits its managers, and the URLs that lead to them."""

from __future__ import annotations

import contextlib
import os
import platform
import socket as sockets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import zmq

from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput import links, protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.executors.high_throughput.links import Context, RoleKeys, Socket
    from parsl_like.executors.high_throughput.options import InterchangeOptions


@dataclass(slots=True)
class Listeners:
    """Sockets for managers, each kind in one place per transport.

    Attributes:
        data: For functions, tasks and results.
        control: For everything else.
        local: URLs for managers of this host: data and control.
        remote: URLs for managers anywhere: data and control, for each address of this host.
    """

    data: list[Socket] = field(default_factory=list)
    control: list[Socket] = field(default_factory=list)
    local: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)

    def ready(self, incarnation: int) -> protocol.InterchangeReady:
        """What the driver is told."""
        version, python = protocol.PROTOCOL_VERSION, platform.python_version()
        return protocol.InterchangeReady(version, os.getpid(), incarnation, self.local, self.remote, python)


def open_listeners(context: Context, options: InterchangeOptions, keys: RoleKeys | None) -> Listeners:
    """Listen where the options say: on unix sockets, on TCP, or on both.

    Without keys, TCP is bound to the loopback address unless another one was given.

    Args:
        context: Where the sockets live; an ``Authenticator`` has to be there too if there are keys.
        options: What the interchange was told.
        keys: The interchange's keys, None without encryption.

    Raises:
        ConfigurationError: if the options leave no way in.
        ExecutorError: if an address or a port cannot be had.
    """
    listeners = Listeners()
    if options.transport != "tcp" and options.ipc_dir is not None:
        _listen_here(context, options.ipc_dir, listeners)
    if options.transport != "ipc":
        _listen_anywhere(context, options, keys, listeners)
    if not listeners.data:
        raise ConfigurationError("ipc_dir", options.ipc_dir, "a directory for unix sockets, as transport is 'ipc'")
    return listeners


def _listen_here(context: Context, directory: str, listeners: Listeners) -> None:
    urls = [f"ipc://{directory}/manager-{link}" for link in ("data", "control")]
    listeners.data.append(links.listen(context, zmq.ROUTER, url=urls[0], link="data"))
    listeners.control.append(links.listen(context, zmq.ROUTER, url=urls[1], link="control"))
    listeners.local = urls


def _listen_anywhere(
    context: Context, options: InterchangeOptions, keys: RoleKeys | None, listeners: Listeners
) -> None:
    address = options.address
    if keys is None and address == "*":
        address = options.loopback_address
    data = links.listen(context, zmq.ROUTER, link="data", keys=keys, peer="manager")
    listeners.data.append(data)
    control = links.listen(context, zmq.ROUTER, link="control", keys=keys, peer="manager")
    listeners.control.append(control)
    ports = options.worker_port_range
    urls = [
        links.bind_tcp(data, address, options.worker_port, ports),
        links.bind_tcp(control, address, options.control_port, ports),
    ]
    for host in addresses_of_this_host() if address == "*" else [None]:
        listeners.remote += [url.replace("//0.0.0.0:", f"//{host}:") if host else url for url in urls]


def allow_many_connections() -> None:
    """Let this process have as many descriptors as it may: each manager takes two."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a system that says more than it grants
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def addresses_of_this_host() -> Iterator[str]:
    """The IPv4 addresses of this machine: first the one that leads outside, loopback ones last."""
    import psutil

    found = [a.address for card in psutil.net_if_addrs().values() for a in card if a.family == sockets.AF_INET]
    outward = _outward_address()
    yield from sorted(dict.fromkeys(found), key=lambda address: (address.startswith("127."), address != outward))


def _outward_address() -> str | None:
    with contextlib.suppress(OSError), sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: this asks the routing table (RFC 5737 address)
        return str(probe.getsockname()[0])
    return None
