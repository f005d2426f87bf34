"""What the two remote processes of the executor are told: command lines made from dataclasses and parsed by the same.

A command line is ``--options`` and one word: the JSON text of the dataclass, percent-encoded, so that no shell,
launcher script or template on the way finds anything in it to expand, split or quote. Secrets are never part of it:
only the path of a key file is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeVar

from parsl_like.errors import ConfigurationError

FLAG = "--options"

OPTIONS_FILE = "manager.options"
"""Beside the keys: what the managers of a user's own ``launch_cmd`` are told, should they not hear it."""

DISMISSAL = b"end"
"""What a driver that ends on purpose writes to its interchange's stdin before it closes that."""

Transport = Literal["tcp", "ipc"] | None
"""How processes of one host talk; None: unix sockets if they really share a host, else TCP."""

T = TypeVar("T", bound="ProcessOptions")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an interchange can be reached: one URL for each of its two links."""

    data: str
    control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """What both kinds of process are told.

    Attributes:
        run_id: The run; a process of another one is refused.
        label: The executor's label.
        logdir: Directory of the process's log, on the machine where it runs.
        debug: Whether the log tells every detail.
        heartbeat_period: Seconds between two signs of life.
        heartbeat_threshold: Seconds of silence after which the other side counts as gone.
        poll_period: Milliseconds of Parsl's ``poll_period``; nothing here polls, so it only bounds the longest sleep.
        transport: How processes of one host talk.
        reattach: Seconds for which it waits for another driver when this one has died; 0 to end at once.
    """

    run_id: str
    label: str
    logdir: str
    debug: bool = False
    heartbeat_period: float = 5.0
    heartbeat_threshold: float = 30.0
    poll_period: int = 10
    transport: Transport = None
    reattach: float = 0.0

    def to_argv(self) -> list[str]:
        """The command line's arguments: two words, safe in any shell."""
        from urllib.parse import quote

        import msgspec

        return [FLAG, quote(msgspec.json.encode(self), safe="/:,")]

    @classmethod
    def from_argv(cls, argv: Sequence[str]) -> Self:
        """The options that :meth:`to_argv` wrote; fields of a newer version are passed over.

        Raises:
            ConfigurationError: it is another command line, or one of another kind of process.
        """
        from urllib.parse import unquote_to_bytes

        import msgspec

        if len(argv) != 2 or argv[0] != FLAG:
            raise ConfigurationError("The command line", list(argv), f"{FLAG} and the options of {cls.__name__}")
        try:
            return msgspec.json.decode(unquote_to_bytes(argv[1]), type=cls)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"{cls.__name__} on the command line", argv[1], f"its fields: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions(ProcessOptions):
    """What the manager of a node is told.

    Attributes:
        addresses: Where its interchange may be reached, the likeliest first; all are tried.
        block_id: The block it belongs to; durable within the run.
        uid: Its name; empty to choose one that no other manager has.
        key_file: Path of the manager's key, on the node; None without encryption.
        worker_logdir_root: Directory for workers' logs; None for ``logdir``.
        cores_per_worker: Processors for each worker; a fraction shares one.
        mem_per_worker: Gigabytes of memory for each worker; None not to look at memory.
        max_workers: Most workers on the node; None for as many as fit.
        prefetch: Tasks held beyond the workers' number; None to adapt to how long tasks take.
        cpu_affinity: How workers are tied to processors.
        accelerators: One accelerator for each worker, in order; empty for none.
        drain_period: Seconds after which it takes nothing new, finishes and ends; None for never.
        python_path: Directories that workers look for modules in, before their own.
        address_probe_timeout: Seconds for each address; None to try them all at once without a limit of their own.
        worker_memory: Gigabytes that each process of a worker may take; None for no limit.
        worker_processes: Processes and threads that a worker lets the user have on the node; None for no limit.
        logs_stay: Whether its logs stay where they are when another run takes it over, because that run's directory is
            not on this machine.
    """

    addresses: tuple[Endpoint, ...]
    block_id: str
    uid: str = ""
    key_file: str | None = None
    worker_logdir_root: str | None = None
    cores_per_worker: float = 1.0
    mem_per_worker: float | None = None
    max_workers: int | None = None
    prefetch: int | None = None
    cpu_affinity: str = "none"
    accelerators: tuple[str, ...] = ()
    drain_period: float | None = None
    python_path: tuple[str, ...] = ()
    address_probe_timeout: float | None = None
    worker_memory: float | None = None
    worker_processes: int | None = None
    logs_stay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InterchangeOptions(ProcessOptions):
    """What the interchange of an executor is told.

    Attributes:
        driver: Where the driver listens for its two links.
        driver_pid: The driver's process.
        driver_started: When that process started, as its system counts, so that a later one is not taken for it.
        address: What to bind for managers; "*" for every interface.
        loopback_address: What to bind for those of this host.
        worker_port: Port of the managers' data link; None for one of the range.
        control_port: Port of the managers' control link; None for one of the range.
        worker_port_range: Ports to choose from for managers, both ends included.
        ipc_dir: Directory for unix sockets, 0700; None for none.
        cert_dir: Directory with the keys, 0700; None without encryption.
        encrypted: Whether links over TCP are.
        manager_selector: In which order managers are offered tasks.
        incarnation: How often the driver has started an interchange for this executor, counted from 1.
        former_runs: Runs of drivers that have died, whose managers are taken over.
        manager_logdir: Where the folders of blocks' logs are, on nodes; for managers that are taken over.
        python_path: Directories that workers look for modules in; likewise.
    """

    driver: Endpoint
    driver_pid: int
    driver_started: float
    address: str = "*"
    loopback_address: str = "127.0.0.1"
    worker_port: int | None = None
    control_port: int | None = None
    worker_port_range: tuple[int, int] = (54000, 55000)
    ipc_dir: str | None = None
    cert_dir: str | None = None
    encrypted: bool = True
    manager_selector: Literal["random", "block_id"] = "random"
    incarnation: int = 1
    former_runs: tuple[str, ...] = ()
    manager_logdir: str = ""
    python_path: tuple[str, ...] = ()


def silence_allowed(period: float, threshold: float | None) -> float:
    """Seconds of silence after which a peer counts as gone.

    Without a threshold it is at least 30 s and three heartbeats, so that a program that only says how often
    heartbeats come keeps its healthy managers.
    """
    return max(30.0, 3.0 * period) if threshold is None else float(threshold)


def processor_groups(affinity: str) -> tuple[tuple[int, ...], ...]:
    """The processors of each worker that ``list:0-3,8:4-7`` names: worker 0 has 0 to 3 and 8, worker 1 has 4 to 7.

    Raises:
        ValueError: it does not begin with ``list:``, or a part is neither a number nor a range.
    """
    prefix, _, rest = affinity.partition(":")
    if prefix != "list" or not rest:
        raise ValueError(f"{affinity!r} is not list:<processors>:<processors>...")
    return tuple(tuple(number for part in group.split(",") for number in _span(part)) for group in rest.split(":"))


def _span(part: str) -> range:
    first, dash, last = part.strip().partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ValueError(f"{part!r} is neither a processor's number nor a range like 0-3")
    numbers = range(int(first), int(last if dash else first) + 1)
    if not numbers:
        raise ValueError(f"the range {part!r} is empty")
    return numbers
