"""Parsl's IPyParallel executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_path, expect_whole, own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.ipp_controller import Controller
from parsl_like.executors.sources import local_provider
from parsl_like.executors.status_handling import BlockProviderExecutor

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from parsl_like.providers.base import ExecutionProvider


@spelled({"managed": None})
@dataclass
class IPyParallelExecutor(Unbuilt, BlockProviderExecutor):
    """Describes tasks on engines of IPyParallel, as versions of Parsl up to 1.2 had it.

    A run with one is refused: HighThroughputExecutor has taken its place.
    """

    missing: ClassVar[str] = "start the engines of IPyParallel (package ipyparallel)"
    meanwhile: ClassVar[str] = "use HighThroughputExecutor(max_workers_per_node=...) with the same provider."

    provider: ExecutionProvider | None = field(
        default_factory=local_provider, metadata={"help": "Where engines come from; None to start them by hand."}
    )
    label: str = field(default="ipp", metadata={"help": "The executor's name, unique within a Config."})
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where staged files are put; None for the engines' own directory."}
    )
    controller: Controller = field(
        default_factory=Controller, metadata={"help": "The controller that engines report to."}
    )
    container_image: str | None = field(
        default=None, metadata={"help": "Container image that engines run in; None for none."}
    )
    engine_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Directory for the engines' files; None for the run directory."}
    )
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    engine_debug_level: str | int | None = field(
        default=None, metadata={"help": "The least level that engines log; None for their own choice."}
    )
    workers_per_node: int = field(default=1, metadata={"help": "Engines on each node."})

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_path(self, "engine_dir")
        expect_whole(self, "workers_per_node", least=1)
