"""Blocks from Grid Engine."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.cluster_provider import INSIDE_A_JOB, ClusterProvider
from parsl_like.providers.positional import parsl_order


@parsl_order(
    newest=(
        "nodes_per_block init_blocks min_blocks max_blocks parallelism walltime scheduler_options worker_init launcher"
        " cmd_timeout queue"
    ),
    legacy=(
        "channel nodes_per_block init_blocks min_blocks max_blocks parallelism walltime scheduler_options worker_init"
        " launcher cmd_timeout queue"
    ),
)
@dataclasses.dataclass(kw_only=True)
class GridEngineProvider(Unbuilt, ClusterProvider):
    """Describes blocks that are jobs of Grid Engine (qsub, qstat, qdel).

    See :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "submit jobs to Grid Engine"
    meanwhile: ClassVar[str] = INSIDE_A_JOB

    label: str = dataclasses.field(default="grid_engine", init=False, repr=False)
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #$."}
    )
    cmd_timeout: float = dataclasses.field(
        default=60, metadata={"help": "Seconds a command of the batch system may take."}
    )
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
