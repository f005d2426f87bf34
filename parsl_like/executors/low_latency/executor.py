"""Parsl 1.2's low-latency executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_port, expect_port_range, expect_whole
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.sources import local_provider
from parsl_like.executors.status_handling import BlockProviderExecutor

if TYPE_CHECKING:
    import os

    from parsl_like.providers.base import ExecutionProvider


@spelled({"managed": None})
@dataclass
class LowLatencyExecutor(Unbuilt, BlockProviderExecutor):
    """Describes short tasks on a few workers without fault tolerance, as Parsl 1.2 had it.

    A run with one is refused: HighThroughputExecutor is there for short tasks, too.
    """

    missing: ClassVar[str] = "run the low-latency processes of Parsl 1.2"
    meanwhile: ClassVar[str] = "use HighThroughputExecutor(max_workers_per_node=...), which is made for short tasks."

    label: str = field(default="LowLatencyExecutor", metadata={"help": "The executor's name, unique within a Config."})
    provider: ExecutionProvider | None = field(
        default_factory=local_provider, metadata={"help": "Where blocks come from; None to start workers by hand."}
    )
    launch_cmd: str | None = field(
        default=None, metadata={"help": "Command line that starts a worker; None for the built-in one."}
    )
    address: str = field(default="127.0.0.1", metadata={"help": "Address of this machine as workers see it."})
    worker_port: int | None = field(
        default=None, metadata={"help": "Port for workers; None for one of worker_port_range."}
    )
    worker_port_range: tuple[int, int] = field(
        default=(54000, 55000), metadata={"help": "Ports to choose from for workers."}
    )
    interchange_port_range: tuple[int, int] = field(
        default=(55000, 56000), metadata={"help": "Ports to choose from between this program and the interchange."}
    )
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where staged files are put; None for the workers' own directory."}
    )
    worker_debug: bool = field(default=False, metadata={"help": "Whether workers log every detail."})
    workers_per_node: int = field(default=1, metadata={"help": "Workers on each node."})

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_port(self, "worker_port")
        expect_port_range(self, "worker_port_range", "interchange_port_range")
        expect_whole(self, "workers_per_node", least=1)
