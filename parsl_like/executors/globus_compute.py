"""The Globus Compute executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect, own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.base import ParslExecutor

if TYPE_CHECKING:
    import os


@spelled()
@dataclass
class GlobusComputeExecutor(Unbuilt, ParslExecutor):
    """Describes tasks that are sent to an endpoint of Globus Compute through its own executor.

    A run with one is refused: this version does not pass resource specifications on, nor check the endpoint. The
    ``globus_compute_sdk.Executor`` itself may be given to a Config as it is, like any ``concurrent.futures`` pool.
    """

    missing: ClassVar[str] = "wrap an executor of Globus Compute (package globus-compute-sdk)"
    meanwhile: ClassVar[str] = "put the globus_compute_sdk.Executor itself into Config(executors=[...])."

    executor: Any = field(metadata={"help": "A globus_compute_sdk.Executor; it stays the program's own."})
    label: str = field(
        default="GlobusComputeExecutor", metadata={"help": "The executor's name, unique within a Config."}
    )
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where staged files are put; None for the endpoint's own directory."}
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        able = callable(getattr(self.executor, "submit", None)) and not isinstance(self.executor, type)
        expect(self, "executor", able, "a globus_compute_sdk.Executor")
