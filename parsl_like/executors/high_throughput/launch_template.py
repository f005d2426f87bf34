"""A user's ``launch_cmd``: shell text with places for what a manager is told, as Parsl's documents spell them.

``{name}`` and ``{{name}}`` are both such a place: in Parsl the text goes through two rounds of formatting, and what is
known only in the second one, ``{{block_id}}``, is written with two pairs of braces. Other braces are the shell's.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
from typing import TYPE_CHECKING, Final

from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.executors.high_throughput.options import Endpoint, ManagerOptions

COMMAND: Final = "process_worker_pool.py"
"""What a manager is called in Parsl's documents; this package installs a command of that name."""

DEFAULT: Final = (
    f"{COMMAND} {{debug}} {{max_workers_per_node}} -a {{addresses}} -p {{prefetch_capacity}} -c {{cores_per_worker}} "
    "-m {mem_per_worker} --poll {poll_period} --port={worker_port} --cert_dir {cert_dir} --logdir={logdir} "
    "--logconf={logconf} --block_id={{block_id}} --hb_period={heartbeat_period} {address_probe_timeout_string} "
    "--hb_threshold={heartbeat_threshold} --drain_period={drain_period} --cpu-affinity {cpu_affinity} "
    "{enable_mpi_mode} --mpi-launcher={mpi_launcher} --available-accelerators {accelerators}"
)
"""What ``launch_cmd`` is as long as nobody has said otherwise, for programs that put something in front of it."""

INTERCHANGE: Final = ("interchange.py",)
"""What starts the interchange as long as nobody has said otherwise; this package installs a command of that name."""

OPTIONS: Final = "options"
"""The place for everything at once: the words of ``ManagerOptions``."""

NAMES: Final = frozenset(
    {
        *("options", "block_id", "nodes_per_block"),
        *("debug", "logdir", "logconf", "cert_dir"),
        *("addresses", "port", "worker_port", "task_port", "result_port", "task_url", "result_url"),
        *("address_probe_timeout", "address_probe_timeout_string"),
        *("heartbeat_period", "heartbeat_threshold", "poll_period"),
        *("max_workers", "max_workers_per_node", "cores_per_worker", "mem_per_worker"),
        *("prefetch_capacity", "drain_period"),
        *("cpu_affinity", "accelerators", "enable_mpi_mode", "mpi_launcher"),
    }
)
"""Every place that a command may have."""

# Neither in "${HOME}", which is the shell's, nor in "{a,b}" or "{ list; }".
_PLACE: Final = re.compile(r"(?<!\$)(?:\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\})")
_POOL: Final = re.compile(rf"(?:^|(?<=[\s/'\"(;&|]))({re.escape(COMMAND)}['\"]?)(?=$|[\s'\");&|<>])")


def check_template(text: str) -> None:
    """Refuse a command with a place for something that nobody knows.

    Raises:
        ConfigurationError: naming it, and the nearest that is known.
    """
    for place in _PLACE.finditer(text):
        name = place[1] or place[2]
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1)
            known = f"did you mean {{{near[0]}}}?" if near else f"known are {', '.join(sorted(NAMES))}."
            hint = f"{known} A variable of the shell is written ${{{name}}} or ${name}."
            raise ConfigurationError(f"launch_cmd has a place {{{name}}}, which stands for nothing.", hint=hint)


def filled(text: str, options: ManagerOptions, *, nodes_per_block: int = 1) -> str:
    """A user's command with everything in its places; its manager is told everything, whatever the places are.

    Where the command has no place for all options they follow ``process_worker_pool.py`` as its first argument, or,
    where that is not mentioned, the end of the command: then that has to hand its arguments on.

    Args:
        text: The command, checked.
        options: What the manager is told.
        nodes_per_block: Nodes in each block.
    """
    words = shlex.join(options.to_argv())
    values = {**values_of(options, nodes_per_block=nodes_per_block), OPTIONS: words}
    told = any((place[1] or place[2]) == OPTIONS for place in _PLACE.finditer(text))
    command = _PLACE.sub(lambda place: values[place[1] or place[2]], text)
    if told:
        return command
    for spot in reversed(_spots(command)):
        command = f"{command[:spot]} {words}{command[spot:]}"
    return command


def _spots(command: str) -> list[int]:
    """Where the options go: behind the manager's command where it has other arguments, else where it is named last."""
    named = [found.end() for found in _POOL.finditer(command)]
    with_arguments = [end for end in named if command[end:].lstrip().startswith("-")]
    return with_arguments or named[-1:] or [len(command)]


def values_of(options: ManagerOptions, *, nodes_per_block: int) -> Mapping[str, str]:
    """What stands in the places of Parsl's names, each ready for the shell.

    Args:
        options: What the manager is told.
        nodes_per_block: Nodes in each block.
    """
    remote = [endpoint for endpoint in options.addresses if endpoint.data.startswith("tcp:")]
    first = remote[0] if remote else None
    limit, probe = options.max_workers, options.address_probe_timeout
    task_port, result_port = (0, 0) if first is None else (_port(first.data), _port(first.control))
    values: dict[str, object] = {
        "debug": "--debug" if options.debug else "",
        "max_workers": "" if limit is None else f"--max_workers={limit}",
        "max_workers_per_node": "" if limit is None else f"--max_workers_per_node={limit}",
        "addresses": shlex.quote(",".join(_hosts(remote)) or "127.0.0.1"),
        "prefetch_capacity": options.prefetch,
        "cores_per_worker": options.cores_per_worker,
        "mem_per_worker": options.mem_per_worker,
        "poll_period": options.poll_period,
        "task_port": task_port,
        "result_port": result_port,
        "worker_port": task_port,
        "port": task_port,
        "task_url": shlex.quote(first.data if first else ""),
        "result_url": shlex.quote(first.control if first else ""),
        "cert_dir": shlex.quote(os.path.dirname(options.key_file)) if options.key_file else None,
        "logdir": shlex.quote(os.path.dirname(options.logdir)),
        "logconf": None,
        "block_id": shlex.quote(options.block_id),
        "nodes_per_block": nodes_per_block,
        "heartbeat_period": options.heartbeat_period,
        "heartbeat_threshold": options.heartbeat_threshold,
        "address_probe_timeout": probe,
        "address_probe_timeout_string": "" if probe is None else f"--address_probe_timeout={probe}",
        "drain_period": options.drain_period,
        "cpu_affinity": shlex.quote(options.cpu_affinity),
        "enable_mpi_mode": "",
        "mpi_launcher": "mpiexec",
        "accelerators": shlex.join(options.accelerators),
    }
    return {name: str(value) for name, value in values.items()}


def _hosts(endpoints: list[Endpoint]) -> list[str]:
    from urllib.parse import urlsplit  # here: descriptions are built without it

    return list(dict.fromkeys(urlsplit(endpoint.data).hostname or "" for endpoint in endpoints))


def _port(url: str) -> int:
    from urllib.parse import urlsplit

    return urlsplit(url).port or 0
