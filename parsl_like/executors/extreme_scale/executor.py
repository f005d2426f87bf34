"""Parsl 1.2's extreme-scale executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_port_range, expect_positive, expect_whole, own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.sources import local_provider
from parsl_like.executors.status_handling import BlockProviderExecutor

if TYPE_CHECKING:
    import os

    from parsl_like.providers.base import ExecutionProvider


@spelled({"managed": None})
@dataclass
class ExtremeScaleExecutor(Unbuilt, BlockProviderExecutor):
    """Describes one MPI program over all nodes of a block whose ranks run tasks, as Parsl 1.2 had it.

    A run with one is refused: HighThroughputExecutor starts its managers on all nodes of a block through a launcher.
    """

    missing: ClassVar[str] = "run tasks on the ranks of an MPI program (package mpi4py)"
    meanwhile: ClassVar[str] = "use HighThroughputExecutor(max_workers_per_node=...) with a launcher for several nodes."

    label: str = field(
        default="ExtremeScaleExecutor", metadata={"help": "The executor's name, unique within a Config."}
    )
    provider: ExecutionProvider | None = field(
        default_factory=local_provider, metadata={"help": "Where blocks come from; None to start them by hand."}
    )
    launch_cmd: str | None = field(
        default=None, metadata={"help": "Command line that starts the ranks of a block; None for the built-in one."}
    )
    address: str = field(default="127.0.0.1", metadata={"help": "Address of this machine as nodes see it."})
    worker_ports: tuple[int, int] | None = field(
        default=None, metadata={"help": "Two ports for tasks and results; None for two of worker_port_range."}
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
    worker_debug: bool = field(default=False, metadata={"help": "Whether workers log every detail."})
    ranks_per_node: int = field(default=1, metadata={"help": "Ranks on each node."})
    heartbeat_threshold: float = field(
        default=120, metadata={"help": "Seconds of silence after which a manager is lost."}
    )
    heartbeat_period: float = field(default=30, metadata={"help": "Seconds between two signs of life."})

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        if self.worker_ports is not None:
            expect_port_range(self, "worker_ports")
        expect_port_range(self, "worker_port_range", "interchange_port_range")
        expect_whole(self, "ranks_per_node", least=1)
        expect_positive(self, "heartbeat_threshold", "heartbeat_period")
