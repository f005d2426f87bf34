"""The command line that starts the manager of a node, here or on another machine."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.launch_template import DEFAULT, filled
from parsl_like.executors.high_throughput.options import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from parsl_like.core.ports import BlockPlace
    from parsl_like.executors.high_throughput.options import ManagerOptions

MODULE = "parsl_like.executors.high_throughput.manager"
KEY_FILE = "manager.key"
"""What the managers' key is called among the files of a block."""
TCP = "tcp:"


def manager_command(
    options: ManagerOptions, *, launch_cmd: str | None = None, python: str | None = None, nodes_per_block: int = 1
) -> str:
    """One line for a POSIX shell; nothing in the options is expanded or split by it.

    Args:
        options: What the manager is told.
        launch_cmd: The user's own command, whose places are filled; it has to end in this package's manager. None or
            the default for one that finds this package wherever it is.
        python: The interpreter on the nodes; None for the one that runs here.
        nodes_per_block: Nodes in each block.
    """
    if launch_cmd is None or launch_cmd == DEFAULT:
        return shlex.join([python or sys.executable, "-m", MODULE, *options.to_argv()])
    return filled(launch_cmd, options, nodes_per_block=nodes_per_block)


def tcp_ports(addresses: Iterable[Endpoint]) -> tuple[int, ...]:
    """The ports that managers on other machines must reach, each once."""
    return tuple(dict.fromkeys(port for endpoint in addresses for port in _ports(endpoint)))


def options_at(options: ManagerOptions, place: BlockPlace) -> ManagerOptions:
    """What a manager is told that runs on another machine.

    It is told of no unix socket: whatever has that path on another machine is not this executor's.

    Args:
        options: What it would be told here.
        place: Where it runs.
    """
    remote = [endpoint for endpoint in options.addresses if endpoint.data.startswith(TCP)]
    addresses = _routed(remote, place.routes) if place.routes else remote
    changes: dict[str, object] = {"addresses": tuple(dict.fromkeys(addresses))}
    if place.files is not None and options.key_file is not None:
        changes["key_file"] = str(PurePosixPath(place.files, KEY_FILE))
    if place.folder is not None and not options.logs_stay:
        logs = PurePosixPath(place.folder, "logs", options.label, f"block-{options.block_id}")
        changes |= {"logdir": str(logs), "logs_stay": True}
    return dataclasses.replace(options, **changes)  # type: ignore[arg-type]


def _routed(endpoints: Sequence[Endpoint], routes: Mapping[int, tuple[str, ...]]) -> Iterator[Endpoint]:
    """The same endpoints by way of routes; those without one are left out."""
    for endpoint in endpoints:
        pairs = [routes.get(port, ()) for port in _ports(endpoint)]
        if len(pairs) == 2:
            for data, control in zip(*pairs, strict=False):
                yield Endpoint(f"tcp://{data}", f"tcp://{control}")


def _ports(endpoint: Endpoint) -> list[int]:
    from urllib.parse import urlsplit  # here: descriptions are built without it

    if not endpoint.data.startswith(TCP):
        return []
    return [port for url in (endpoint.data, endpoint.control) if (port := urlsplit(url).port) is not None]
