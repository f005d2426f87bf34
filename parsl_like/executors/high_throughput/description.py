"""The high-throughput executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from parsl_like.core.fields import walltime_seconds
from parsl_like.errors import ConfigurationError, UnsupportedFeatureError
from parsl_like.executors.answers import CallableInt, CallableList
from parsl_like.executors.arguments import spelled
from parsl_like.executors.fields import (
    expect,
    expect_flag,
    expect_path,
    expect_port,
    expect_port_range,
    expect_positive,
    expect_text,
    expect_whole,
    own_lists,
)
from parsl_like.executors.high_throughput.launch_template import DEFAULT, INTERCHANGE, check_template
from parsl_like.executors.high_throughput.manager_selector import ManagerSelector, RandomManagerSelector
from parsl_like.executors.high_throughput.options import Transport, processor_groups, silence_allowed
from parsl_like.executors.status_handling import BlockProviderExecutor

if TYPE_CHECKING:
    from parsl_like.providers.base import ExecutionProvider

AFFINITIES = ("none", "block", "block-reverse", "alternating")
"""Ways to tie workers to processors, beside ``list:...``."""

_OLD_NAMES: dict[str, str | tuple[str, ...] | None] = {
    "max_workers": "max_workers_per_node",
    "worker_ports": ("worker_port", "control_port"),
    "managed": None,
}


@spelled(_OLD_NAMES)
@dataclass
class HighThroughputExecutor(BlockProviderExecutor):
    """Runs tasks on worker processes, on this machine or on many, in blocks that a provider gives.

    An interchange process on this machine hands tasks in batches to one manager on each node, which feeds its workers.
    Three defaults differ from Parsl's on purpose: ``prefetch_capacity=None`` adapts to how long tasks take (0 and other
    numbers are taken literally), heartbeats come every 5 s, and silence is allowed for 30 s or three heartbeats,
    whichever is longer, so that a program that only says ``heartbeat_period=30`` keeps its healthy managers.
    """

    label: str = field(
        default="HighThroughputExecutor", metadata={"help": "The executor's name, unique within a Config."}
    )
    provider: ExecutionProvider | None = field(
        default=None, metadata={"help": "Where blocks come from; None for this machine (LocalProvider)."}
    )
    launch_cmd: str | None = field(
        default=None,
        metadata={"help": "Command line that starts the manager of a node; None for process_worker_pool.py."},
    )
    interchange_launch_cmd: Sequence[str] | str | None = field(
        default=None, metadata={"help": "Command that starts the interchange; None for interchange.py."}
    )
    address: str | None = field(
        default=None, metadata={"help": "Address of this machine as nodes see it; None to try all it has."}
    )
    loopback_address: str = field(
        default="127.0.0.1", metadata={"help": "Address for links within this machine; '::1' for IPv6."}
    )
    worker_port: int | None = field(
        default=None, metadata={"help": "Port for managers' tasks and results; None for one of worker_port_range."}
    )
    worker_port_range: tuple[int, int] = field(
        default=(54000, 55000), metadata={"help": "Ports to choose from for managers."}
    )
    interchange_port_range: tuple[int, int] = field(
        default=(55000, 56000), metadata={"help": "Ports to choose from between this program and the interchange."}
    )
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where staged files are put; None for the workers' own directory."}
    )
    worker_debug: bool = field(default=False, metadata={"help": "Whether managers and workers log every detail."})
    cores_per_worker: float = field(
        default=1.0, metadata={"help": "Processors for each worker; a fraction lets several share one."}
    )
    mem_per_worker: float | None = field(
        default=None, metadata={"help": "Gigabytes of memory for each worker; None not to look at memory."}
    )
    max_workers_per_node: float | None = field(
        default=None, metadata={"help": "Most workers on a node; None for as many as fit."}
    )
    cpu_affinity: str = field(
        default="none",
        metadata={"help": "Processors of each worker: none, block, block-reverse, alternating or list:0-3:4-7."},
    )
    available_accelerators: int | Sequence[str | int] = field(
        default=(), metadata={"help": "Accelerators of a node, their number or names; each worker gets one."}
    )
    prefetch_capacity: int | None = field(
        default=None, metadata={"help": "Tasks a node holds beyond those that run; None adapts to their length."}
    )
    heartbeat_threshold: float | None = field(
        default=None, metadata={"help": "Seconds of silence after which a manager is lost; None for 30 or 3 periods."}
    )
    heartbeat_period: float = field(default=5, metadata={"help": "Seconds between two signs of life."})
    drain_period: float | None = field(
        default=None, metadata={"help": "Seconds after which a manager takes nothing new and ends; None for never."}
    )
    poll_period: int = field(
        default=10, metadata={"help": "Milliseconds; accepted for Parsl's sake, nothing here waits by polling."}
    )
    address_probe_timeout: float | None = field(
        default=None, metadata={"help": "Seconds a manager tries each address; None for its own choice."}
    )
    worker_logdir_root: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Directory for managers' logs on their nodes; None for the run directory."}
    )
    manager_selector: ManagerSelector = field(
        default_factory=RandomManagerSelector, metadata={"help": "In which order managers are offered tasks."}
    )
    block_error_handler: bool | Callable[..., None] = field(
        default=True, metadata={"help": "What failing blocks lead to: True the usual rule, False nothing, a function."}
    )
    encrypted: bool = field(default=True, metadata={"help": "Whether links over TCP are encrypted."})
    remote_monitoring_radio: Any = field(
        default=None, metadata={"help": "How measurements of tasks come back; None for the executor's own links."}
    )
    _: KW_ONLY
    transport: Transport = field(
        default=None, metadata={"help": "Links on one host: 'ipc', 'tcp', or None for ipc where that can work."}
    )
    control_port: int | None = field(
        default=None, metadata={"help": "Port for managers' heartbeats; None for one of worker_port_range."}
    )
    worker_memory_limit: float | None = field(
        default=None,
        metadata={"help": "Gigabytes a worker, and each process it starts, may take (RLIMIT_DATA); None for no limit."},
    )
    worker_process_limit: int | None = field(
        default=None,
        metadata={"help": "Processes and threads you may have on a node (RLIMIT_NPROC, not for root); None: no limit."},
    )

    resource_keys: ClassVar[frozenset[str]] = frozenset({"priority"})
    keeps_blocks: ClassVar[bool] = True
    """Whether its blocks can wait for another driver: ``Config(reattach=...)``."""

    def __post_init__(self) -> None:
        if self.max_workers_per_node == math.inf:  # 1.2's way to say that there is no limit
            self.max_workers_per_node = None
        # Programs read the default back and put something in front of it.
        self.launch_cmd = DEFAULT if self.launch_cmd is None else self.launch_cmd
        if self.interchange_launch_cmd is None:
            self.interchange_launch_cmd = list(INTERCHANGE)
        self.available_accelerators = self.accelerator_names
        own_lists(self)

    # --- as a description ----------------------------------------------------------------------------------------

    @property
    def max_workers(self) -> float | None:
        """The older name of ``max_workers_per_node``."""
        return self.max_workers_per_node

    @max_workers.setter
    def max_workers(self, value: float | None) -> None:
        self.max_workers_per_node = None if value == math.inf else value

    @property
    def worker_ports(self) -> tuple[int | None, int | None] | None:
        """Parsl 1.2's name of ``worker_port`` and ``control_port`` together; None if neither was chosen."""
        ports = (self.worker_port, self.control_port)
        return None if ports == (None, None) else ports

    @worker_ports.setter
    def worker_ports(self, value: tuple[int, int] | None) -> None:
        self.worker_port, self.control_port = (None, None) if value is None else value

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        self._check_commands()
        self._check_ports()
        self._check_workers()
        self._check_times()
        expect_flag(self, "worker_debug", "encrypted")
        expect(self, "transport", self.transport in (None, "tcp", "ipc"), "None, 'tcp' or 'ipc'")
        known = isinstance(self.manager_selector, ManagerSelector) and self.manager_selector.order is not None
        expect(self, "manager_selector", known, "RandomManagerSelector() or BlockIdManagerSelector()")
        handled = isinstance(self.block_error_handler, bool) or callable(self.block_error_handler)
        expect(self, "block_error_handler", handled, "True, False or a function of executor and status")

    def _check_commands(self) -> None:
        expect_text(self, "launch_cmd", "address", optional=True)
        expect_text(self, "loopback_address")
        expect_path(self, "worker_logdir_root")
        if self.launch_cmd is not None:
            check_template(self.launch_cmd)
        command = self.interchange_launch_cmd
        words = (
            isinstance(command, list | tuple) and len(command) > 0 and all(isinstance(word, str) for word in command)
        )
        expect(
            self, "interchange_launch_cmd", command is None or isinstance(command, str) or words, "None or a command"
        )

    def _check_ports(self) -> None:
        expect_port(self, "worker_port", "control_port")
        expect_port_range(self, "worker_port_range", "interchange_port_range")
        apart = self.worker_port is None or self.worker_port != self.control_port
        expect(self, "control_port", apart, "another port than worker_port")

    def _check_workers(self) -> None:
        expect_positive(self, "cores_per_worker")
        expect_positive(self, "mem_per_worker", "worker_memory_limit", optional=True)
        expect_whole(self, "worker_process_limit", least=1, optional=True)
        expect_whole(self, "max_workers_per_node", least=1, optional=True)
        expect_whole(self, "prefetch_capacity", least=0, optional=True)
        good = isinstance(self.cpu_affinity, str)
        if good and self.cpu_affinity not in AFFINITIES:
            try:
                processor_groups(self.cpu_affinity)
            except ValueError:
                good = False
        expect(self, "cpu_affinity", good, f"{', '.join(AFFINITIES)} or list:<processors>:<processors>...")

    def _check_times(self) -> None:
        expect_positive(self, "heartbeat_period", "poll_period")
        expect_positive(self, "heartbeat_threshold", "drain_period", "address_probe_timeout", optional=True)
        threshold = self.heartbeat_threshold
        patient = threshold is None or threshold >= self.heartbeat_period
        expect(self, "heartbeat_threshold", patient, f"at least heartbeat_period ({self.heartbeat_period} s)")

    def sealed(self) -> Self:
        """A checked copy that refuses assignments, with the provider and the accelerators in their final form."""
        twin = super().sealed()
        if twin is not self:
            if twin.provider is None:
                from parsl_like.providers.local import LocalProvider  # only where no provider was given

                object.__setattr__(twin, "provider", LocalProvider().sealed())
            object.__setattr__(twin, "available_accelerators", twin.accelerator_names)
        return twin

    # --- what follows from the fields ----------------------------------------------------------------------------

    @property
    def accelerator_names(self) -> tuple[str, ...]:
        """The names of a node's accelerators; a number of them has the names '0', '1', ...

        Raises:
            ConfigurationError: the field is neither a number nor a list of names.
        """
        given = self.available_accelerators
        if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
            return tuple(str(number) for number in range(given))
        if isinstance(given, list | tuple) and all(isinstance(name, str | int) for name in given):
            return tuple(str(name) for name in given)
        raise ConfigurationError(
            f"{type(self).__name__}.available_accelerators",
            given,
            "the number of accelerators, or a list of their names",
        )

    @property
    def worker_limit(self) -> int | None:
        """Most workers on a node: as many as were allowed, and no more than there are accelerators for them."""
        limits = [limit for limit in (self.max_workers_per_node, len(self.accelerator_names)) if limit]
        return int(min(limits)) if limits else None

    @property
    def nodes_per_block(self) -> int:
        """Nodes in each block."""
        return 1 if self.provider is None else int(self.provider.nodes_per_block)

    @property
    def workers_per_node(self) -> CallableInt:
        """An estimate of the workers on a node, at least 1, from what the provider says of its nodes."""
        limits: list[float] = [] if self.worker_limit is None else [self.worker_limit]
        cores = getattr(self.provider, "cores_per_node", None)
        if cores:
            limits.append(cores / self.cores_per_worker)
        memory = getattr(self.provider, "mem_per_node", None)
        if memory and self.mem_per_worker:
            limits.append(memory / self.mem_per_worker)
        return CallableInt(max(1, math.floor(min(limits, default=1))))

    @property
    def block_walltime(self) -> float:
        """Seconds that a block may live, going by its provider; infinity where nothing limits it."""
        try:
            return float(walltime_seconds(getattr(self.provider, "walltime", None) or "")) or math.inf
        except (AttributeError, ValueError):  # a provider of the user's own may say it in another way
            return math.inf

    @property
    def silence_allowed(self) -> float:
        """Seconds of silence after which a manager counts as lost: ``heartbeat_threshold``, or what follows from it."""
        return silence_allowed(self.heartbeat_period, self.heartbeat_threshold)

    # --- what programs ask of the one that runs ------------------------------------------------------------------

    @property
    def connected_managers(self) -> CallableList:
        """A dict for each connected manager; both ``x.connected_managers`` and ``x.connected_managers()``."""
        return CallableList(self._answer("connected_managers", []))

    def connected_blocks(self) -> list[str]:
        """Blocks with a connected manager."""
        return list(self._answer("connected_blocks", []))

    def connected_managers_packages(self) -> dict[str, dict[str, str]]:
        """Versions of the packages on the managers' side, by manager and package."""
        return dict(self._answer("connected_managers_packages", {}))

    @property
    def connected_workers(self) -> CallableInt:
        """Workers of all connected managers."""
        return CallableInt(self._answer("connected_workers", 0))

    @property
    def logdir(self) -> str:
        """Where the interchange and the managers of the running executor log."""
        return os.path.join(self.run_dir, self.label)

    @property
    def worker_logdir(self) -> str:
        """Where managers and workers log."""
        root = self.worker_logdir_root
        return self.logdir if root is None else os.path.join(root, os.path.basename(self.run_dir), self.label)

    def hold_worker(self, worker_id: str) -> None:
        """Give a manager nothing new from now on; it finishes what it has."""
        self._ordered("hold_worker", worker_id)

    def initialize_scaling(self) -> list[str]:
        """Nothing but which blocks have a connected manager: a run asks for the initial blocks by itself."""
        return self.connected_blocks()

    def get_usage_information(self) -> dict[str, bool]:
        """What Parsl's usage tracking would send; nothing is ever sent."""
        return {"mpi": False}

    def submit_payload(self, context: object, buffer: bytes) -> None:
        """Refused: what workers are sent is made by the executor itself.

        Raises:
            UnsupportedFeatureError: always.
        """
        raise UnsupportedFeatureError("submit_payload", self.label, None)
