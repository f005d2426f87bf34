"""The TaskVine executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.status_handling import BlockProviderExecutor
from parsl_like.executors.taskvine.factory_config import TaskVineFactoryConfig
from parsl_like.executors.taskvine.manager_config import TaskVineManagerConfig

if TYPE_CHECKING:
    from parsl_like.providers.base import ExecutionProvider


@spelled()
@dataclass
class TaskVineExecutor(Unbuilt, BlockProviderExecutor):
    """Describes tasks on workers of TaskVine, which keep and exchange the data of tasks.

    A run with one is refused: this version has no part that talks to TaskVine.
    """

    missing: ClassVar[str] = "talk to TaskVine (package ndcctools)"
    meanwhile: ClassVar[str] = (
        "use HighThroughputExecutor with cores_per_worker and mem_per_worker, one executor for each size of task."
    )

    label: str = field(default="TaskVineExecutor", metadata={"help": "The executor's name, unique within a Config."})
    worker_launch_method: Literal["factory", "provider", "manual"] = field(
        default="factory", metadata={"help": "Who starts workers: factory, provider, or manual for the user."}
    )
    function_exec_mode: Literal["regular", "serverless"] = field(
        default="regular", metadata={"help": "How functions run: regular, or serverless in a library that is kept."}
    )
    manager_config: TaskVineManagerConfig = field(
        default_factory=TaskVineManagerConfig, metadata={"help": "What the manager is told."}
    )
    factory_config: TaskVineFactoryConfig = field(
        default_factory=TaskVineFactoryConfig, metadata={"help": "What the factory is told."}
    )
    provider: ExecutionProvider | None = field(
        default=None, metadata={"help": "Where workers come from, if the provider starts them."}
    )
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    remote_monitoring_radio: Any = field(
        default=None, metadata={"help": "How measurements of tasks come back; None for the executor's own links."}
    )

    resource_keys: ClassVar[frozenset[str]] = frozenset(
        {"cores", "memory", "disk", "gpus", "running_time_min", "priority"}
    )

    def __post_init__(self) -> None:
        own_containers(self)
