"""Blocks from Torque."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from parsl_like.core.job_states import JobState
from parsl_like.errors import BadLauncher
from parsl_like.launchers.aprun import AprunLauncher
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.batch import BatchProvider, directive_word, expect_directives, open_batch
from parsl_like.providers.dialect import Dialect, StatusQuery
from parsl_like.providers.parsers import (
    pbs_cancelled,
    pbs_duration,
    pbs_ids,
    pbs_job_id,
    pbs_memory,
    pbs_refusal,
    pbs_report,
    pbs_reports,
    pbs_submit,
)
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession
    from parsl_like.providers.base import ExecutionProvider

STATES: Final[Mapping[str, JobState]] = {
    "C": JobState.COMPLETED,  # or failed, or was deleted: its exit status tells
    "E": JobState.RUNNING,  # it has ended; its files are being copied
    "H": JobState.HELD,
    "Q": JobState.PENDING,
    "R": JobState.RUNNING,
    "S": JobState.HELD,  # suspended
    "T": JobState.PENDING,  # on its way to another queue
    "W": JobState.PENDING,  # for its time
}
"""Letters of ``job_state``:
https://docs.adaptivecomputing.com/torque/6-1-2/adminGuide/Content/topics/torque/commands/qstat.htm."""

ENDINGS: Final[Mapping[int, tuple[JobState, str]]] = {
    -1: (JobState.FAILED, "Torque could not start it, before its files were there"),
    -2: (JobState.FAILED, "Torque could not start it, after its files were there"),
    -3: (JobState.FAILED, "Torque could not start it, as often as it tried"),
    -4: (JobState.FAILED, "Torque's daemon on the node was restarted under it"),
    -8: (JobState.FAILED, "its script could not be run"),
    -9: (JobState.FAILED, "the files for its output could not be made"),
    -10: (JobState.FAILED, "it used more memory than it had asked for"),
    -11: (JobState.TIMEOUT, "its walltime was over"),
    -12: (JobState.FAILED, "it used more processor time than it had asked for"),
}
"""Exit statuses that are Torque's own:
https://docs.adaptivecomputing.com/torque/6-1-2/adminGuide/Content/topics/torque/2-jobs/jobExitStatus.htm."""


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
class TorqueProvider(BatchProvider):
    """Starts blocks as jobs of Torque (qsub, qstat, qdel).

    See :class:`~parsl_like.providers.batch.BatchProvider` for the arguments that all have. The default launcher is for
    Cray machines, as with Parsl; elsewhere give another.
    """

    streams_late: ClassVar[bool] = True
    longest_name: ClassVar[int] = 15
    returning: ClassVar[str] = r"#PBS\s(.*\s)?-r\s*y"

    label: str = dataclasses.field(default="torque", init=False, repr=False)
    account: str | None = dataclasses.field(default=None, metadata={"help": "The account to charge; None for none."})
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
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

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_directives(self, "account", "queue")

    def dialect(self) -> Dialect:
        """Torque's commands; it shows what is over for as long as its ``keep_completed`` says, and has no history."""
        parse = functools.partial(pbs_reports, describe=functools.partial(pbs_report, states=STATES, endings=ENDINGS))
        return Dialect(
            prefix="#PBS",
            submit=pbs_submit,
            job_id=pbs_job_id,
            refusal=pbs_refusal,
            cancel=lambda jobs: ("qdel", *pbs_ids(jobs)),
            cancelled=pbs_cancelled,
            status=(StatusQuery(command=lambda jobs: ("qstat", "-f", *pbs_ids(jobs)), parse=parse),),
            find=lambda name: ("qselect", "-N", name),
        )

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """Nodes with as many slots as workers may use of them, or managers are started on them."""
        slots = max(request.tasks_per_node, self.cores_per_node or 1)
        resources = [f"nodes={self.nodes_per_block}:ppn={slots}", f"walltime={pbs_duration(self.lifetime)}"]
        if self.mem_per_node is not None:
            # Of the job as a whole: there is no limit for a node.
            resources.append(f"mem={pbs_memory(self.mem_per_node * self.nodes_per_block)}")
        lines = ["-S /bin/bash", "-j oe", "-r n", f"-l {','.join(resources)}"]
        if self.account is not None:
            lines.append(f"-A {directive_word(self, 'account')}")
        if self.queue is not None:
            lines.append(f"-q {directive_word(self, 'queue')}")
        return lines


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"TorqueProvider": TorqueProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a provider of this module, None for any other."""
    return open_batch(description, TorqueProvider, context)
