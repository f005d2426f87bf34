"""Blocks from Slurm."""

from __future__ import annotations

import dataclasses
import re
from typing import ClassVar

from parsl_like.core.fields import expect, expect_whole
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.cluster_provider import INSIDE_A_JOB, ClusterProvider
from parsl_like.providers.positional import parsl_order


@parsl_order(
    newest=(
        "partition account qos constraint clusters nodes_per_block cores_per_node mem_per_node gpus_per_node gres"
        " init_blocks min_blocks max_blocks parallelism walltime scheduler_options regex_job_id worker_init"
        " cmd_timeout status_batch_size exclusive launcher"
    ),
    legacy=(
        "partition account channel nodes_per_block cores_per_node mem_per_node init_blocks min_blocks max_blocks"
        " parallelism walltime scheduler_options worker_init cmd_timeout exclusive move_files launcher"
    ),
)
@dataclasses.dataclass(kw_only=True)
class SlurmProvider(Unbuilt, ClusterProvider):
    """Describes blocks that are jobs of Slurm (sbatch, squeue, sacct, scancel).

    See :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "submit jobs to Slurm"
    meanwhile: ClassVar[str] = INSIDE_A_JOB

    label: str = dataclasses.field(default="slurm", init=False, repr=False)
    partition: str | None = dataclasses.field(
        default=None, metadata={"help": "The partition; None for the default one."}
    )
    account: str | None = dataclasses.field(
        default=None, metadata={"help": "The account to charge; None for your default one."}
    )
    qos: str | None = dataclasses.field(default=None, metadata={"help": "The quality of service; None for none."})
    constraint: str | None = dataclasses.field(
        default=None, metadata={"help": "Features that nodes must have; None for any node."}
    )
    clusters: str | None = dataclasses.field(
        default=None, metadata={"help": "The cluster to submit to, where there are several; None for this one."}
    )
    gpus_per_node: int | str | None = dataclasses.field(
        default=None, metadata={"help": "GPUs on each node, a number or 'type:number'; None for none."}
    )
    gres: str | None = dataclasses.field(
        default=None, metadata={"help": "Generic resources of each node, as sbatch writes them; None for none."}
    )
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #SBATCH."}
    )
    regex_job_id: str = dataclasses.field(
        default=r"Submitted batch job (?P<id>\S*)",
        metadata={"help": "How to find the job's id, as the group 'id', in what sbatch prints."},
    )
    status_batch_size: int = dataclasses.field(default=50, metadata={"help": "Jobs to ask for in one command."})
    exclusive: bool = dataclasses.field(
        default=True, metadata={"help": "Whether a block shares its nodes with nobody."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect(self, "regex_job_id", _finds_an_id(self.regex_job_id), "a regular expression with a group named 'id'")
        expect_whole(self, "status_batch_size", least=1)


def _finds_an_id(pattern: str) -> bool:
    try:
        return "id" in re.compile(pattern).groupindex
    except re.error:
        return False
