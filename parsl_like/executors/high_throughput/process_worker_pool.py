"""The command ``process_worker_pool.py``: a manager, started by a user's ``launch_cmd`` as Parsl's documents write it.

All that a manager has to know is in the words that the executor puts behind the command's name, or, where those were
lost on the way, in the file ``manager.options`` beside the run's keys. Parsl's own flags say the same a second time;
what is written in them by hand overrides the rest.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.options import FLAG, OPTIONS_FILE, Endpoint, ManagerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEYS: Final = "certificates"
"""The directory of the keys, in the executor's own below the run directory."""

MOST_BYTES: Final = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Run a manager to its end; gives the exit code.

    Args:
        argv: The command line; None for the one of this process.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        options = options_from(words)
    except (ConfigurationError, OSError) as error:
        print(f"process_worker_pool.py: {error}", file=sys.stderr)  # noqa: T201
        return 2
    from parsl_like.executors.high_throughput.manager import main as manage  # what it imports takes its time

    return manage(options.to_argv())


def options_from(argv: Sequence[str]) -> ManagerOptions:
    """What a command line says, with Parsl's flags on top of the rest.

    Raises:
        ConfigurationError: it does not say where its run is, or says something of another kind of executor.
        OSError: the file that would say it cannot be read.
    """
    flags = _parser().parse_args(list(argv))
    if flags.enable_mpi_mode:
        raise ConfigurationError("--enable_mpi_mode", True, "none: tasks over several nodes are MPIExecutor's")
    base = ManagerOptions.from_argv([FLAG, flags.options]) if flags.options else _options_of_the_run(flags)
    return dataclasses.replace(base, **_changes(base, flags))


def _options_of_the_run(flags: argparse.Namespace) -> ManagerOptions:
    """The options in the run's own file.

    Raises:
        ConfigurationError: there is no such file where the flags point to.
        OSError: it cannot be read.
    """
    places = [flags.cert_dir] if flags.cert_dir else []
    places += [os.path.join(flags.logdir, KEYS)] if flags.logdir else []
    for place in places:
        path = Path(place) / OPTIONS_FILE
        if path.is_file():
            with path.open(encoding="ascii") as file:
                word = file.read(MOST_BYTES).strip()
            options = ManagerOptions.from_argv([FLAG, word])
            return dataclasses.replace(options, key_file=str(path.parent / "manager.key"))
    looked = f" (looked for {OPTIONS_FILE} in {', '.join(places)})" if places else ""
    hint = (
        f"it is started by an executor, which adds {FLAG}; by hand, give --cert_dir or --logdir of a run that goes on."
    )
    raise ConfigurationError(f"The command line does not say which run this manager is for{looked}.", hint=hint)


def _changes(base: ManagerOptions, flags: argparse.Namespace) -> dict[str, Any]:
    """The fields that the flags say, by name."""
    given = {
        name: value
        for name, value in vars(flags).items()
        if name in _FIELDS and value is not _SILENT  # said by hand
    }
    block = given.get("block_id", base.block_id)
    if flags.logdir or block != base.block_id:
        given["logdir"] = os.path.join(flags.logdir or os.path.dirname(base.logdir), f"block-{block}")
    if flags.cert_dir:
        given["key_file"] = os.path.join(flags.cert_dir, "manager.key")
    if "accelerators" in given:
        given["accelerators"] = tuple(given["accelerators"])
    given["debug"] = base.debug or flags.debug
    if said := _endpoints(base, flags):
        given["addresses"] = (*said, *base.addresses)
    return given


def _endpoints(base: ManagerOptions, flags: argparse.Namespace) -> list[Endpoint]:
    """Where the flags say that the interchange is, as far as that is news."""
    if flags.task_url and flags.result_url:
        said = [Endpoint(flags.task_url, flags.result_url)]
    else:
        known = next((endpoint for endpoint in base.addresses if endpoint.data.startswith("tcp:")), None)
        data = flags.task_port or flags.port or (urlsplit(known.data).port if known else None)
        control = flags.result_port or (urlsplit(known.control).port if known else None)
        if not data or not control:
            return []
        hosts = [f"[{host}]" if ":" in host else host for host in flags.addresses]
        said = [Endpoint(f"tcp://{host}:{data}", f"tcp://{host}:{control}") for host in hosts]
    return [endpoint for endpoint in said if endpoint not in base.addresses]


# --- the flags

_SILENT: Final = object()
_FIELDS: Final = {field.name for field in dataclasses.fields(ManagerOptions)} - {"addresses", "logdir", "debug"}
"""What is said by a flag of its own name."""


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """A number, or None where Parsl's command lines say ``None`` or ``inf``."""

    def parse(text: str) -> Any:
        return None if text in ("None", "inf") else kind(text)

    parse.__name__ = kind.__name__  # argparse names it when the text is something else
    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="process_worker_pool.py",
        description="Runs the workers of one node of a HighThroughputExecutor's block. It is started by the executor.",
        allow_abbrev=False,
    )
    parser.add_argument(FLAG, metavar="WORD", help="all options at once, as the executor writes them")
    parser.add_argument("-d", "--debug", action="store_true", help="log every detail")
    for names, options in _FLAGS:
        parser.add_argument(*names, **{"default": _SILENT, **options})
    return parser


_FLAGS: Final[tuple[tuple[tuple[str, ...], dict[str, Any]], ...]] = (
    (
        ("-a", "--addresses"),
        {
            "default": (),
            "type": lambda text: tuple(filter(None, text.split(","))),
            "help": "hosts, with commas between",
        },
    ),
    (("--cert_dir",), {"default": None, "type": _or_none(str), "help": "directory of the keys"}),
    (("-l", "--logdir"), {"default": None, "help": "the executor's log directory"}),
    (("-u", "--uid"), {"help": "the manager's name"}),
    (("-b", "--block_id"), {"help": "the block it belongs to"}),
    (("-c", "--cores_per_worker"), {"type": float, "help": "processors for each worker"}),
    (("-m", "--mem_per_worker"), {"type": _or_none(float), "help": "gigabytes for each worker, or None"}),
    (("-t", "--task_port"), {"default": None, "type": int, "help": "the interchange's first port"}),
    (("-r", "--result_port"), {"default": None, "type": int, "help": "the interchange's second port"}),
    (
        ("-P", "--port"),
        {"default": None, "type": int, "help": "the interchange's first port, as newer versions call it"},
    ),
    (("--task_url",), {"default": None, "help": "the interchange's first address"}),
    (("--result_url",), {"default": None, "help": "the interchange's second address"}),
    (
        ("--max_workers", "--max_workers_per_node"),
        {"dest": "max_workers", "type": _or_none(int), "help": "most workers on the node, or inf"},
    ),
    (
        ("-p", "--prefetch_capacity"),
        {"dest": "prefetch", "type": _or_none(int), "help": "tasks held beyond those that run"},
    ),
    (("--poll",), {"dest": "poll_period", "type": int, "help": "milliseconds; nothing here polls"}),
    (("--hb_period",), {"dest": "heartbeat_period", "type": float, "help": "seconds between heartbeats"}),
    (("--hb_threshold",), {"dest": "heartbeat_threshold", "type": float, "help": "seconds of silence allowed"}),
    (("--drain_period",), {"type": _or_none(float), "help": "seconds until it takes nothing new, or None"}),
    (("--address_probe_timeout",), {"type": _or_none(float), "help": "seconds for each address, or None"}),
    (("--cpu-affinity", "--cpu_affinity"), {"help": "how workers are tied to processors"}),
    (
        ("--available-accelerators", "--available_accelerators"),
        {"dest": "accelerators", "nargs": "*", "help": "names of accelerators, one for each worker"},
    ),
    (("--enable_mpi_mode",), {"default": False, "action": "store_true", "help": "refused: see MPIExecutor"}),
    (("--mpi-launcher", "--mpi_launcher"), {"default": None, "help": "without effect"}),
    (("-L", "--logconf"), {"default": None, "help": "without effect"}),
)


if __name__ == "__main__":
    sys.exit(main())
