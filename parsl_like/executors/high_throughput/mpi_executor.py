"""The MPI executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_whole
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.positional import in_order


@spelled()
@in_order(
    "label provider launch_cmd interchange_launch_cmd address loopback_address worker_port worker_port_range"
    " interchange_port_range storage_access working_dir worker_debug max_workers_per_block prefetch_capacity"
    " heartbeat_threshold heartbeat_period drain_period poll_period address_probe_timeout worker_logdir_root"
    " mpi_launcher block_error_handler encrypted remote_monitoring_radio"
)
@dataclass
class MPIExecutor(Unbuilt, HighThroughputExecutor):
    """Describes tasks that each start processes on several nodes of a block, which one manager for the block divides.

    A run with one is refused: this version runs each task on one node.
    """

    missing: ClassVar[str] = "give one task several nodes of a block"
    meanwhile: ClassVar[str] = (
        "use HighThroughputExecutor(max_workers_per_node=1) with SimpleLauncher, whose bash apps call mpiexec or srun."
    )

    label: str = field(default="MPIExecutor", metadata={"help": "The executor's name, unique within a Config."})
    max_workers_per_block: int = field(
        default=1, kw_only=True, metadata={"help": "Most tasks at once in a block; they divide its nodes."}
    )
    mpi_launcher: Literal["srun", "aprun", "mpiexec"] = field(
        default="mpiexec", kw_only=True, metadata={"help": "What starts a task's processes: srun, aprun or mpiexec."}
    )
    encrypted: bool = field(default=False, metadata={"help": "Whether links over TCP are encrypted."})
    cores_per_worker: float = field(init=False, repr=False, default=1.0)
    mem_per_worker: float | None = field(init=False, repr=False, default=None)
    max_workers_per_node: float | None = field(init=False, repr=False, default=None)
    cpu_affinity: str = field(init=False, repr=False, default="none")
    available_accelerators: Any = field(init=False, repr=False, default=())

    resource_keys: ClassVar[frozenset[str]] = frozenset(
        {"num_nodes", "ranks_per_node", "num_ranks", "launcher_options", "priority"}
    )

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_whole(self, "max_workers_per_block", least=1)
