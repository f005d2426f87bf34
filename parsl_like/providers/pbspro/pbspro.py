"""Blocks from PBS Pro and OpenPBS."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import TYPE_CHECKING, ClassVar, Final

from parsl_like.core.fields import expect_whole
from parsl_like.core.job_states import JobState
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
    "B": JobState.RUNNING,  # an array of which a part has begun
    "E": JobState.RUNNING,  # it has ended; its files are being copied
    "F": JobState.COMPLETED,  # or failed, or was deleted: its exit status tells
    "H": JobState.HELD,
    "M": JobState.UNKNOWN,  # another server has it now
    "Q": JobState.PENDING,
    "R": JobState.RUNNING,
    "S": JobState.HELD,  # suspended
    "T": JobState.PENDING,  # on its way to another queue
    "U": JobState.HELD,  # suspended because somebody uses the workstation
    "W": JobState.PENDING,  # for its time, or because a file could not be brought
    "X": JobState.COMPLETED,  # a part of an array, as F
}
"""Letters of ``job_state``: https://github.com/openpbs/openpbs/blob/master/doc/man1/pbs_job_attributes.7B."""

ENDINGS: Final[Mapping[int, tuple[JobState, str]]] = {
    -1: (JobState.FAILED, "PBS could not start it, before its files were there"),
    -2: (JobState.FAILED, "PBS could not start it, after its files were there"),
    -3: (JobState.FAILED, "PBS could not start it, as often as it tried"),
    -4: (JobState.FAILED, "PBS's daemon on the node was restarted under it"),
    -10: (JobState.FAILED, "its user or group is not known on the node"),
    -14: (JobState.FAILED, "its nodes lost touch with each other"),
    -17: (JobState.FAILED, "a hook of the site refused it"),
    -19: (JobState.FAILED, "a hook of the site had it deleted"),
    -20: (JobState.FAILED, "PBS lost its first node"),
    -24: (JobState.FAILED, "it used more processors than it had asked for"),
    -25: (JobState.FAILED, "it used more processors than it had asked for"),
    -26: (JobState.FAILED, "it used more virtual memory than it had asked for"),
    -27: (JobState.FAILED, "it used more memory than it had asked for"),
    -28: (JobState.FAILED, "it used more processor time than it had asked for"),
    -29: (JobState.TIMEOUT, "its walltime was over"),
}
"""Exit statuses that are PBS's own: PBS Professional 2024.1 Reference Guide, table 11-2
(https://help.altair.com/2024.1.0/PBS%20Professional/PBSReferenceGuide2024.1.pdf)."""


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
class PBSProProvider(BatchProvider):
    """Starts blocks as jobs of PBS Pro or OpenPBS (qsub, qstat, qdel).

    See :class:`~parsl_like.providers.batch.BatchProvider` for the arguments that all have. A block of several nodes is
    spread over as many hosts, unless an option of yours says ``place=``.
    """

    streams_late: ClassVar[bool] = True
    longest_name: ClassVar[int] = 15
    """The oldest versions take no longer one, and qstat shows no more."""
    returning: ClassVar[str] = r"#PBS\s(.*\s)?-r\s*y"

    label: str = dataclasses.field(default="pbspro", init=False, repr=False)
    account: str | None = dataclasses.field(default=None, metadata={"help": "The account to charge; None for none."})
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
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
        expect_directives(self, "account", "queue", *(["select_options"] if self.select_options else []))

    def dialect(self) -> Dialect:
        """PBS Pro's commands; with the history of jobs where the server keeps one."""
        parse = functools.partial(pbs_reports, describe=functools.partial(pbs_report, states=STATES, endings=ENDINGS))
        with_history = StatusQuery(
            command=lambda jobs: ("qstat", "-x", "-f", *pbs_ids(jobs)),
            parse=parse,
            probe=("qselect", "-x", "-N", "parsl_like"),  # refused where there is no history
        )
        return Dialect(
            prefix="#PBS",
            submit=pbs_submit,
            job_id=pbs_job_id,
            refusal=pbs_refusal,
            cancel=lambda jobs: ("qdel", *pbs_ids(jobs)),
            cancelled=pbs_cancelled,
            status=(with_history, StatusQuery(command=lambda jobs: ("qstat", "-f", *pbs_ids(jobs)), parse=parse)),
            history=with_history,
            force=lambda jobs: ("qdel", "-W", "force", *pbs_ids(jobs)),
            find=lambda name: ("qselect", "-N", name),
        )

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """One chunk of resources for each node, and what it is charged to."""
        lines = ["-S /bin/bash", "-j oe", "-r n", f"-l select={self._chunks(request)}"]
        if self.nodes_per_block > 1 and "place=" not in f"{self.scheduler_options}{self.select_options}":
            lines.append("-l place=scatter")
        lines.append(f"-l walltime={pbs_duration(self.lifetime)}")
        if self.account is not None:
            lines.append(f"-A {directive_word(self, 'account')}")
        if self.queue is not None:
            lines.append(f"-q {directive_word(self, 'queue')}")
        return lines

    def _chunks(self, request: BlockRequest) -> str:
        options = directive_word(self, "select_options").strip(":") if self.select_options else ""
        resources = {
            "ncpus": str(max(self.cpus_per_node, self.cores_per_node or 0)),
            "mpiprocs": str(request.tasks_per_node),
        }
        if self.mem_per_node is not None:
            resources["mem"] = pbs_memory(self.mem_per_node)
        # A resource that is asked for twice in a chunk has the job refused.
        given = set(re.findall(r"(?:^|[:+])([\w.]+)=", options))
        own = [f"{name}={amount}" for name, amount in resources.items() if name not in given]
        return ":".join([str(self.nodes_per_block), *own, *filter(None, [options])])


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"PBSProProvider": PBSProProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a provider of this module, None for any other."""
    return open_batch(description, PBSProProvider, context)
