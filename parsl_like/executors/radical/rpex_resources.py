"""How a RADICAL-Pilot executor divides its allocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect_whole, own_containers


@spelled()
@dataclass
class ResourceConfig(Description):
    """Describes the masters and workers that run functions within a pilot's allocation."""

    masters: int = field(default=1, metadata={"help": "Masters, each with workers of its own."})
    workers: int = field(default=1, metadata={"help": "Workers of each master."})
    worker_gpus_per_node: int = field(default=0, metadata={"help": "GPUs of a worker's node."})
    worker_cores_per_node: int = field(default=4, metadata={"help": "Cores of a worker's node."})
    cores_per_master: int = field(default=1, metadata={"help": "Cores of each master."})
    nodes_per_worker: int = field(default=1, metadata={"help": "Nodes of each worker."})
    pilot_env_mode: str = field(default="client", metadata={"help": "Who makes the pilot's environment: client, ..."})
    pilot_env_path: str = field(default="", metadata={"help": "Where that environment is; '' to make one."})
    pilot_env_type: str = field(default="venv", metadata={"help": "What kind of environment it is."})
    pilot_env_name: str = field(default="rp", metadata={"help": "Its name."})
    pilot_env_pre_exec: Sequence[str] = field(
        default_factory=list, metadata={"help": "Commands that run before the environment is entered."}
    )
    pilot_env_setup: Sequence[str] = field(default_factory=list, metadata={"help": "What is installed in it."})
    python_v: str = field(default="3.11", metadata={"help": "Its version of Python."})
    worker_type: str = field(default="DefaultWorker", metadata={"help": "The kind of worker, by its class's name."})

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_whole(self, "masters", "workers", "cores_per_master", "nodes_per_worker", least=1)
        expect_whole(self, "worker_gpus_per_node", "worker_cores_per_node")
