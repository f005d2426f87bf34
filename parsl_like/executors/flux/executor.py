"""The Flux executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_path, own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.base import ParslExecutor

if TYPE_CHECKING:
    import os

    from parsl_like.providers.base import ExecutionProvider


@spelled({"managed": None})
@dataclass
class FluxExecutor(Unbuilt, ParslExecutor):
    """Describes tasks that Flux places within one allocation, also tasks of several processes.

    A run with one is refused: this version has no part that talks to Flux.
    """

    missing: ClassVar[str] = "talk to Flux (the flux Python bindings)"
    meanwhile: ClassVar[str] = "use HighThroughputExecutor with the same provider."

    provider: ExecutionProvider | None = field(
        default=None, metadata={"help": "Where the one block comes from; None for this machine."}
    )
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where the executor keeps files; None for the run directory."}
    )
    label: str = field(default="FluxExecutor", metadata={"help": "The executor's name, unique within a Config."})
    flux_executor_kwargs: Mapping[str, Any] = field(
        default_factory=dict, metadata={"help": "Arguments for Flux's own executor."}
    )
    flux_path: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "The flux command; None for the one on PATH."}
    )
    launch_cmd: str | None = field(
        default=None, metadata={"help": "Command line that starts Flux in a block; None for the built-in one."}
    )

    resource_keys: ClassVar[frozenset[str]] = frozenset({"num_tasks", "cores_per_task", "gpus_per_task", "num_nodes"})

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_path(self, "flux_path")
