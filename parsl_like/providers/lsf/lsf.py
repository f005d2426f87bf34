"""Blocks from LSF."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self

from parsl_like.core.fields import expect, expect_whole
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.cluster_provider import INSIDE_A_JOB, ClusterProvider
from parsl_like.providers.positional import parsl_order


@parsl_order(
    newest=(
        "nodes_per_block cores_per_block cores_per_node init_blocks min_blocks max_blocks parallelism walltime"
        " scheduler_options worker_init project queue cmd_timeout bsub_redirection request_by_nodes launcher"
    ),
    legacy=(
        "channel nodes_per_block cores_per_block cores_per_node init_blocks min_blocks max_blocks parallelism walltime"
        " scheduler_options worker_init project queue cmd_timeout move_files bsub_redirection request_by_nodes launcher"
    ),
)
@dataclasses.dataclass(kw_only=True)
class LSFProvider(Unbuilt, ClusterProvider):
    """Describes blocks that are jobs of LSF (bsub, bjobs, bkill).

    With ``request_by_nodes=False`` a block is asked for by its cores: ``nodes_per_block`` then follows from
    ``cores_per_block`` and ``cores_per_node``. See :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for
    the arguments that all have.
    """

    missing: ClassVar[str] = "submit jobs to LSF"
    meanwhile: ClassVar[str] = INSIDE_A_JOB

    label: str = dataclasses.field(default="LSF", init=False, repr=False)
    cores_per_block: int | None = dataclasses.field(
        default=None, metadata={"help": "Cores of each block, needed to ask by cores; None to ask by nodes."}
    )
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #BSUB."}
    )
    project: str | None = dataclasses.field(default=None, metadata={"help": "The project to charge; None for none."})
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
    cmd_timeout: float = dataclasses.field(
        default=120, metadata={"help": "Seconds a command of the batch system may take."}
    )
    bsub_redirection: bool = dataclasses.field(
        default=False, metadata={"help": "Whether bsub reads the script from its standard input."}
    )
    request_by_nodes: bool = dataclasses.field(
        default=True, metadata={"help": "Whether a block is asked for by its nodes; False for by its cores."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_whole(self, "cores_per_block", least=1, optional=True)
        if not self.request_by_nodes:
            for name in ("cores_per_block", "cores_per_node"):
                expect(self, name, getattr(self, name) is not None, "a number of cores, with request_by_nodes=False")

    def sealed(self) -> Self:
        """A checked copy that refuses assignments, with the nodes that follow from the cores."""
        twin = super().sealed()
        if twin is not self and not self.request_by_nodes and self.cores_per_block and self.cores_per_node:
            object.__setattr__(twin, "nodes_per_block", math.ceil(self.cores_per_block / self.cores_per_node))
        return twin
