"""Blocks from Cobalt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

from parsl_like.core.unbuilt import Unbuilt
from parsl_like.errors import BadLauncher
from parsl_like.launchers.aprun import AprunLauncher
from parsl_like.providers.cluster_provider import INSIDE_A_JOB, ClusterProvider
from parsl_like.providers.positional import parsl_order

_ORDER = (
    "nodes_per_block init_blocks min_blocks max_blocks parallelism walltime account queue scheduler_options worker_init"
    " launcher cmd_timeout"
)


@parsl_order(newest=_ORDER, legacy=f"channel {_ORDER}")
@dataclasses.dataclass(kw_only=True)
class CobaltProvider(Unbuilt, ClusterProvider):
    """Describes blocks that are jobs of Cobalt (qsub, qstat, qdel), as Parsl 1.2 had it.

    See :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "submit jobs to Cobalt"
    meanwhile: ClassVar[str] = INSIDE_A_JOB

    label: str = dataclasses.field(default="cobalt", init=False, repr=False)
    init_blocks: int = dataclasses.field(default=0, metadata={"help": "Blocks to start with."})
    account: str | None = dataclasses.field(default=None, metadata={"help": "The account to charge; None for none."})
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #COBALT."}
    )
    launcher: Callable[[str, int, int], str] = dataclasses.field(
        default_factory=AprunLauncher,
        metadata={"help": "Multiplies the command over the nodes of a block.", "refusal": BadLauncher},
    )
