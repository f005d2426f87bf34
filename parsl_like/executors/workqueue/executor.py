"""The Work Queue executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect, expect_path, expect_whole, is_whole, own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.sources import local_provider
from parsl_like.executors.status_handling import BlockProviderExecutor

if TYPE_CHECKING:
    import os

    from parsl_like.providers.base import ExecutionProvider


@spelled({"managed": None})
@dataclass
class WorkQueueExecutor(Unbuilt, BlockProviderExecutor):
    """Describes tasks of different sizes on workers of Work Queue, which pack them by cores, memory, disk and GPUs.

    A run with one is refused: this version has no part that talks to Work Queue.
    """

    missing: ClassVar[str] = "talk to Work Queue (package ndcctools)"
    meanwhile: ClassVar[str] = (
        "use HighThroughputExecutor with cores_per_worker and mem_per_worker, one executor for each size of task."
    )

    label: str = field(default="WorkQueueExecutor", metadata={"help": "The executor's name, unique within a Config."})
    provider: ExecutionProvider | None = field(
        default_factory=local_provider, metadata={"help": "Where workers come from; None to start them by hand."}
    )
    working_dir: str | os.PathLike[str] | None = field(default=".", metadata={"help": "Where tasks' files are put."})
    project_name: str | None = field(
        default=None, metadata={"help": "Name under which workers find the program in the catalog; None for none."}
    )
    project_password_file: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "File with the password that workers have to know; None for none."}
    )
    address: str | None = field(
        default=None, metadata={"help": "Address of this machine as workers see it; None for its host name."}
    )
    port: int = field(default=0, metadata={"help": "Port for workers; 0 for any."})
    env: Mapping[str, str] | None = field(default=None, metadata={"help": "Variables for every task's environment."})
    shared_fs: bool = field(default=False, metadata={"help": "Whether workers see this machine's files."})
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    use_cache: bool = field(default=False, metadata={"help": "Whether workers keep a function for its later tasks."})
    source: bool = field(default=False, metadata={"help": "Whether functions travel as source text."})
    pack: bool = field(default=False, metadata={"help": "Whether the packages a function needs travel with it."})
    extra_pkgs: Sequence[str] | None = field(default=None, metadata={"help": "More packages to take along."})
    autolabel: bool = field(default=False, metadata={"help": "Whether tasks' sizes are learnt from earlier ones."})
    autolabel_window: int = field(default=1, metadata={"help": "Tasks of each category to learn from."})
    autocategory: bool = field(default=True, metadata={"help": "Whether each app is a category of its own."})
    max_retries: int | None = field(default=1, metadata={"help": "Tries of Work Queue's own; None for no limit."})
    init_command: str = field(default="", metadata={"help": "Shell text that runs before each task."})
    worker_options: str = field(default="", metadata={"help": "More words for the workers' command line."})
    full_debug: bool = field(default=True, metadata={"help": "Whether Work Queue logs every detail."})
    worker_executable: str = field(default="work_queue_worker", metadata={"help": "Command that starts a worker."})
    function_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where packed functions are put; None for a temporary directory."}
    )
    coprocess: bool = field(default=False, metadata={"help": "Whether workers keep an interpreter for functions."})
    scaling_cores_per_worker: int = field(
        default=1, metadata={"help": "Cores of a worker, for deciding how many blocks are wanted."}
    )
    remote_monitoring_radio: Any = field(
        default=None, metadata={"help": "How measurements of tasks come back; None for the executor's own links."}
    )

    resource_keys: ClassVar[frozenset[str]] = frozenset(
        {"cores", "memory", "disk", "gpus", "running_time_min", "priority"}
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_path(self, "project_password_file", "function_dir")
        expect(self, "port", is_whole(self.port, 0, 65535), "a port from 1 to 65535, or 0 for any")
        expect_whole(self, "autolabel_window", "scaling_cores_per_worker", least=1)
        expect_whole(self, "max_retries", optional=True)
