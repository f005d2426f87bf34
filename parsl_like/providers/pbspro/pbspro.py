"""Blocks from PBS Pro and OpenPBS."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from parsl_like.core.fields import expect_whole
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.cluster_provider import INSIDE_A_JOB, ClusterProvider
from parsl_like.providers.positional import parsl_order


@parsl_order(
    newest=(
        "account queue scheduler_options select_options worker_init nodes_per_block cpus_per_node init_blocks"
        " min_blocks max_blocks parallelism launcher walltime cmd_timeout"
    ),
    legacy=(
        "channel account queue scheduler_options worker_init nodes_per_block cpus_per_node init_blocks min_blocks"
        " max_blocks parallelism launcher walltime cmd_timeout"
    ),
)
@dataclasses.dataclass(kw_only=True)
class PBSProProvider(Unbuilt, ClusterProvider):
    """Describes blocks that are jobs of PBS Pro or OpenPBS (qsub, qstat, qdel).

    See :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "submit jobs to PBS Pro"
    meanwhile: ClassVar[str] = INSIDE_A_JOB

    label: str = dataclasses.field(default="pbspro", init=False, repr=False)
    account: str | None = dataclasses.field(default=None, metadata={"help": "The account to charge; None for none."})
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #PBS."}
    )
    select_options: str = dataclasses.field(
        default="", metadata={"help": "More for the request of nodes: 'ngpus=1:mem=64gb'."}
    )
    cpus_per_node: int = dataclasses.field(default=1, metadata={"help": "Processors to ask for on each node."})
    walltime: str = dataclasses.field(
        default="00:20:00", metadata={"help": "How long a block may run, as '[days-]hours:minutes:seconds'."}
    )
    cmd_timeout: float = dataclasses.field(
        default=120, metadata={"help": "Seconds a command of the batch system may take."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_whole(self, "cpus_per_node", least=1)
