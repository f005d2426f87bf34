"""Blocks from HTCondor."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from parsl_like.core.fields import expect_positive, expect_whole
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.cluster_provider import INSIDE_A_JOB, ClusterProvider
from parsl_like.providers.positional import parsl_order


@parsl_order(
    newest=(
        "nodes_per_block cores_per_slot mem_per_slot init_blocks min_blocks max_blocks parallelism environment project"
        " scheduler_options transfer_input_files walltime worker_init launcher requirements cmd_timeout cmd_chunk_size"
    ),
    legacy=(
        "channel nodes_per_block cores_per_slot mem_per_slot init_blocks min_blocks max_blocks parallelism environment"
        " project scheduler_options transfer_input_files walltime worker_init launcher requirements cmd_timeout"
        " cmd_chunk_size"
    ),
)
@dataclasses.dataclass(kw_only=True)
class CondorProvider(Unbuilt, ClusterProvider):
    """Describes blocks that are jobs of HTCondor (condor_submit, condor_q, condor_rm).

    See :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "submit jobs to HTCondor"
    meanwhile: ClassVar[str] = INSIDE_A_JOB

    label: str = dataclasses.field(default="condor", init=False, repr=False)
    cores_per_slot: int | None = dataclasses.field(
        default=None, metadata={"help": "Cores to ask for in each slot; None for the pool's default."}
    )
    mem_per_slot: float | None = dataclasses.field(
        default=None, metadata={"help": "GiB of memory to ask for in each slot; None for the pool's default."}
    )
    environment: Mapping[str, str] | None = dataclasses.field(
        default=None, metadata={"help": "Variables for the job, by name; None for none."}
    )
    project: str = dataclasses.field(default="", metadata={"help": "The project to charge."})
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's submit description."}
    )
    transfer_input_files: Sequence[str] = dataclasses.field(
        default_factory=list, metadata={"help": "Files that HTCondor brings to the job."}
    )
    requirements: str = dataclasses.field(
        default="", metadata={"help": "What a machine must be like, as an expression of HTCondor."}
    )
    cmd_timeout: float = dataclasses.field(
        default=60, metadata={"help": "Seconds a command of the batch system may take."}
    )
    cmd_chunk_size: int = dataclasses.field(default=100, metadata={"help": "Jobs to ask for in one command."})

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_whole(self, "cores_per_slot", least=1, optional=True)
        expect_positive(self, "mem_per_slot", optional=True)
        expect_whole(self, "cmd_chunk_size", least=1)
