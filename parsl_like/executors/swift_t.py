"""Parsl 1.2's executor on Swift/T as a user describes it. Building one touches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.base import ParslExecutor

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence


@spelled({"managed": None})
@dataclass
class TurbineExecutor(Unbuilt, ParslExecutor):
    """Describes tasks on the ranks of a Swift/T program, as Parsl 1.2 had it.

    A run with one is refused: HighThroughputExecutor has taken its place.
    """

    missing: ClassVar[str] = "run tasks through Swift/T's Turbine"
    meanwhile: ClassVar[str] = "use HighThroughputExecutor(max_workers_per_node=...) with a launcher for several nodes."

    label: str = field(default="turbine", metadata={"help": "The executor's name, unique within a Config."})
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where staged files are put; None for the workers' own directory."}
    )

    def __post_init__(self) -> None:
        own_containers(self)
