"""What a TaskVine executor is told of the factory that starts its workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect, expect_path, expect_positive, expect_whole, is_whole

if TYPE_CHECKING:
    import os


@spelled({f"_project_{name}": f"project_{name}" for name in ("port", "address", "name", "password_file")})
@dataclass
class TaskVineFactoryConfig(Description):
    """Describes the factory that starts TaskVine's workers, on this machine or in a batch system."""

    factory_timeout: float = field(
        default=300, metadata={"help": "Seconds after which a factory that nobody needs ends."}
    )
    scratch_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Directory for the factory's files; None for the run directory."}
    )
    min_workers: int = field(default=1, metadata={"help": "Never fewer workers than this."})
    max_workers: int = field(default=1, metadata={"help": "Never more workers than this."})
    workers_per_cycle: int = field(default=1, metadata={"help": "Workers started at once, at most."})
    worker_options: str | None = field(default=None, metadata={"help": "More words for the workers' command line."})
    worker_executable: str = field(default="vine_worker", metadata={"help": "Command that starts a worker."})
    worker_timeout: float = field(default=300, metadata={"help": "Seconds after which an idle worker ends."})
    cores: int | None = field(default=None, metadata={"help": "Cores of a worker; None for all of its node."})
    gpus: int | None = field(default=None, metadata={"help": "GPUs of a worker; None for all of its node."})
    memory: int | None = field(default=None, metadata={"help": "Megabytes of memory of a worker; None for all."})
    disk: int | None = field(default=None, metadata={"help": "Megabytes of disk of a worker; None for all."})
    python_env: str | None = field(
        default=None, metadata={"help": "Environment that workers run in: a directory or an archive of it."}
    )
    batch_type: str = field(default="local", metadata={"help": "Where workers are started: local, condor, slurm, ..."})
    condor_requirements: str | None = field(
        default=None, metadata={"help": "What HTCondor is to require of a worker's machine."}
    )
    batch_options: str | None = field(default=None, metadata={"help": "More options for the batch system."})
    project_port: int = field(default=0, metadata={"help": "The manager's port; said by the executor."})
    project_address: str | None = field(default=None, metadata={"help": "Its address; said by the executor."})
    project_name: str | None = field(default=None, metadata={"help": "Its name; said by the executor."})
    project_password_file: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "File with its password; said by the executor."}
    )

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_positive(self, "factory_timeout", "worker_timeout")
        expect_path(self, "scratch_dir", "project_password_file")
        expect_whole(self, "min_workers", "max_workers")
        expect_whole(self, "workers_per_cycle", least=1)
        expect(self, "max_workers", self.max_workers >= self.min_workers, f"at least min_workers ({self.min_workers})")
        expect_whole(self, "cores", "gpus", "memory", "disk", optional=True)
        expect(self, "project_port", is_whole(self.project_port, 0, 65535), "a port from 1 to 65535, or 0 for any")
