"""The sockets at which an interchange awaits its managers, and the URLs that lead to them."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parsl_like.addresses import own_addresses
from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.links.local import SCHEME, LocalListener

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.keys import RoleKeys
    from parsl_like.executors.high_throughput.links.port import Channel
    from parsl_like.executors.high_throughput.links.tcp import Context
    from parsl_like.executors.high_throughput.options import InterchangeOptions


@dataclass(slots=True)
class Listeners:
    """Where managers connect to, each kind of link once per transport.

    Attributes:
        data: For functions, tasks and results.
        control: For everything else.
        local: URLs for managers of this host: data and control.
        remote: URLs for managers anywhere: data and control, for each address of this host.
    """

    data: list[Channel] = field(default_factory=list)
    control: list[Channel] = field(default_factory=list)
    local: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)

    def ready(self, incarnation: int) -> protocol.InterchangeReady:
        """What the driver is told."""
        version, python = protocol.PROTOCOL_VERSION, platform.python_version()
        return protocol.InterchangeReady(version, os.getpid(), incarnation, self.local, self.remote, python)


def open_listeners(context: Context | None, options: InterchangeOptions, keys: RoleKeys | None) -> Listeners:
    """Listen where the options say: on unix sockets, on TCP, or on both.

    Without encryption, TCP is bound to the loopback address unless another one was given.

    Args:
        context: Where TCP sockets live, with an ``Authenticator`` if there are keys; None not to listen on TCP.
        options: What the interchange was told.
        keys: The interchange's keys, None to let everybody in.

    Raises:
        ConfigurationError: if the options leave no way in.
        ExecutorError: if an address or a port cannot be had.
    """
    listeners = Listeners()
    if options.transport != "tcp" and options.ipc_dir is not None:
        _listen_here(options.ipc_dir, listeners)
    if context is not None:
        _listen_anywhere(context, options, keys, listeners)
    if not listeners.data:
        raise ConfigurationError("ipc_dir", options.ipc_dir, "a directory for unix sockets, as transport is 'ipc'")
    return listeners


def _listen_here(directory: str, listeners: Listeners) -> None:
    paths = [os.path.join(directory, f"manager-{link}") for link in ("data", "control")]
    for path in paths:  # of an interchange that died
        with suppress(FileNotFoundError):
            os.unlink(path)
    urls = [f"{SCHEME}{path}" for path in paths]
    listeners.data.append(LocalListener(urls[0]))
    listeners.control.append(LocalListener(urls[1]))
    listeners.local = urls


def _listen_anywhere(
    context: Context, options: InterchangeOptions, keys: RoleKeys | None, listeners: Listeners
) -> None:
    from parsl_like.executors.high_throughput.links.tcp import TcpListener

    address = options.address
    if address == "*" and (keys is None or not keys.encrypted):
        address = options.loopback_address
    data = TcpListener(context, "data", keys, "manager", options.heartbeat_threshold)
    listeners.data.append(data)
    control = TcpListener(context, "control", keys, "manager", options.heartbeat_threshold)
    listeners.control.append(control)
    ports = options.worker_port_range
    urls = [data.bind(address, options.worker_port, ports), control.bind(address, options.control_port, ports)]
    for host in own_addresses(ipv6=False) if address == "*" else [None]:
        listeners.remote += [url.replace("//0.0.0.0:", f"//{host}:") if host else url for url in urls]
