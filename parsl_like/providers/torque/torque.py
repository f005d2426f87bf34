"""Blocks from Torque."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

from parsl_like.core.unbuilt import Unbuilt
from parsl_like.errors import BadLauncher
from parsl_like.launchers.aprun import AprunLauncher
from parsl_like.providers.cluster_provider import INSIDE_A_JOB, ClusterProvider
from parsl_like.providers.positional import parsl_order


@parsl_order(
    newest=(
        "account queue scheduler_options worker_init nodes_per_block init_blocks min_blocks max_blocks parallelism"
        " launcher walltime cmd_timeout"
    ),
    legacy=(
        "channel account queue scheduler_options worker_init nodes_per_block init_blocks min_blocks max_blocks"
        " parallelism launcher walltime cmd_timeout"
    ),
)
@dataclasses.dataclass(kw_only=True)
class TorqueProvider(Unbuilt, ClusterProvider):
    """Describes blocks that are jobs of Torque (qsub, qstat, qdel).

    See :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for the arguments that all have. The default
    launcher is for Cray machines, as with Parsl; elsewhere give another.
    """

    missing: ClassVar[str] = "submit jobs to Torque"
    meanwhile: ClassVar[str] = INSIDE_A_JOB

    label: str = dataclasses.field(default="torque", init=False, repr=False)
    account: str | None = dataclasses.field(default=None, metadata={"help": "The account to charge; None for none."})
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #PBS."}
    )
    launcher: Callable[[str, int, int], str] = dataclasses.field(
        default_factory=AprunLauncher,
        metadata={"help": "Multiplies the command over the nodes of a block.", "refusal": BadLauncher},
    )
    walltime: str = dataclasses.field(
        default="00:20:00", metadata={"help": "How long a block may run, as '[days-]hours:minutes:seconds'."}
    )
    cmd_timeout: float = dataclasses.field(
        default=120, metadata={"help": "Seconds a command of the batch system may take."}
    )
