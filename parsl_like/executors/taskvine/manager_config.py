"""What a TaskVine executor is told of its manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect, expect_path, expect_whole, is_whole, own_containers

if TYPE_CHECKING:
    import os


@spelled()
@dataclass
class TaskVineManagerConfig(Description):
    """Describes the TaskVine manager, which runs beside the program and hands tasks to workers."""

    port: int = field(default=0, metadata={"help": "Port for workers; 0 for any."})
    address: str | None = field(
        default=None, metadata={"help": "Address of this machine as workers see it; None for its host name."}
    )
    project_name: str | None = field(
        default=None, metadata={"help": "Name under which workers find the manager in the catalog; None for none."}
    )
    project_password_file: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "File with the password that workers have to know; None for none."}
    )
    env_vars: Mapping[str, str] | None = field(default=None, metadata={"help": "Variables for tasks' environment."})
    init_command: str = field(default="", metadata={"help": "Shell text that runs before each task."})
    env_pack: str | None = field(
        default=None, metadata={"help": "Environment that tasks run in: a directory, an archive or its name."}
    )
    app_pack: bool = field(default=False, metadata={"help": "Whether an app's packages travel with its tasks."})
    extra_pkgs: Sequence[str] | None = field(default=None, metadata={"help": "More packages to take along."})
    max_retries: int | None = field(default=1, metadata={"help": "Tries of TaskVine's own; None for no limit."})
    library_config: Mapping[str, Any] | None = field(
        default=None, metadata={"help": "Resources of the libraries that serverless functions run in."}
    )
    shared_fs: bool = field(default=False, metadata={"help": "Whether workers see this machine's files."})
    autolabel: bool = field(default=False, metadata={"help": "Whether tasks' sizes are learnt from earlier ones."})
    autolabel_algorithm: Literal["max-xput", "bucketing"] = field(
        default="max-xput", metadata={"help": "How they are learnt."}
    )
    autolabel_window: int | None = field(
        default=None, metadata={"help": "Tasks of each category to learn from; None for TaskVine's choice."}
    )
    autocategory: bool = field(default=True, metadata={"help": "Whether each app is a category of its own."})
    enable_peer_transfers: bool = field(default=True, metadata={"help": "Whether workers exchange files."})
    wait_for_workers: int | None = field(
        default=None, metadata={"help": "Workers to wait for before the first task; None for none."}
    )
    tune_parameters: Mapping[str, Any] | None = field(
        default=None, metadata={"help": "TaskVine's own parameters by name."}
    )
    vine_log_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Directory of TaskVine's logs; None for the run directory."}
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect(self, "port", is_whole(self.port, 0, 65535), "a port from 1 to 65535, or 0 for any")
        expect_path(self, "project_password_file", "vine_log_dir")
        expect_whole(self, "max_retries", "wait_for_workers", optional=True)
        expect_whole(self, "autolabel_window", least=1, optional=True)
