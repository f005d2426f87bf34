"""Blocks from Slurm."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import re
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.fields import expect, expect_whole
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.batch import BatchProvider, directive_word, expect_directives, open_batch
from parsl_like.providers.dialect import Dialect, StatusQuery
from parsl_like.providers.positional import parsl_order
from parsl_like.providers.slurm.answers import is_refusal, job_ids, sacct_reports, scancel_answers, squeue_reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest, CommandResult, ProviderSession
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.dialect import Command, JobPaths

logger = logging.getLogger(__name__)


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
class SlurmProvider(BatchProvider):
    """Blocks that are jobs of Slurm (sbatch, squeue, sacct, scancel; https://slurm.schedmd.com/man_index.html).

    A job is not put back into the queue by Slurm when one of its nodes fails: another block is asked for instead. If
    your ``scheduler_options`` say ``#SBATCH --requeue``, it is, and is found again under its id.

    See :class:`~parsl_like.providers.batch.BatchProvider` and
    :class:`~parsl_like.providers.base.ExecutionProvider` for the arguments that all have.
    """

    returning: ClassVar[str] = r"#SBATCH\s.*--requeue\b"
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
        default=None,
        metadata={
            "help": "The cluster to submit to, where there are several; several names, with commas between them, only "
            "of a federation, where no two jobs have the same id; None for this one."
        },
    )
    gpus_per_node: int | str | None = dataclasses.field(
        default=None, metadata={"help": "GPUs on each node, a number or 'type:number'; None for none."}
    )
    gres: str | None = dataclasses.field(
        default=None, metadata={"help": "Generic resources of each node, as sbatch writes them; None for none."}
    )
    regex_job_id: str = dataclasses.field(
        default=r"Submitted batch job (?P<id>\S*)",
        metadata={"help": "How to find the job's id, as the group 'id', in what sbatch prints."},
    )
    status_batch_size: int = dataclasses.field(default=1000, metadata={"help": "Jobs to ask for in one command."})
    exclusive: bool = dataclasses.field(
        default=True, metadata={"help": "Whether a block has its nodes to itself, with all of their processors."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect(self, "regex_job_id", _finds_an_id(self.regex_job_id), "a regular expression with a group named 'id'")
        expect_whole(self, "status_batch_size", least=1)
        expect_directives(self, "partition", "account", "qos", "constraint", "clusters", "gpus_per_node", "gres")

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """The options of sbatch that a block's resources become."""
        options = [
            f"--job-name={name}",
            f"--nodes={self.nodes_per_block}",
            f"--ntasks-per-node={request.tasks_per_node}",
            f"--time={self.walltime.strip()}",
            "--no-requeue",
        ]
        if (cores := self._cores_per_task(request)) is not None:
            options.append(f"--cpus-per-task={cores}")
        if self.mem_per_node is not None:
            options.append(f"--mem={math.ceil(self.mem_per_node * 1024)}M")
        for field in ("partition", "account", "qos", "constraint", "clusters", "gpus_per_node", "gres"):
            if getattr(self, field) is not None:
                options.append(f"--{field.replace('_', '-')}={directive_word(self, field)}")
        return [*options, "--exclusive"] if self.exclusive else options

    def dialect(self) -> Dialect:
        """The commands of Slurm."""
        where = () if self.clusters is None else (f"--clusters={directive_word(self, 'clusters')}",)
        pattern = re.compile(self.regex_job_id)

        def job_id(result: CommandResult) -> str | None:
            found = pattern.search(result.stdout)
            if found is None or "\n" not in result.stdout[found.end("id") :]:
                return None  # what sbatch printed was cut off, perhaps within the id
            return found.group("id") or None

        def squeue(jobs: Sequence[str]) -> Command:
            what = ("--noheader", "--states=all", "--format=%F|%T|%r", f"--jobs={','.join(job_ids(jobs))}")
            return ("squeue", *where, *what)

        def sacct(jobs: Sequence[str]) -> Command:
            what = ("--allocations", "--noheader", "--parsable2", "--format=JobID,State,ExitCode")
            return ("sacct", *where, *what, f"--jobs={','.join(job_ids(jobs))}")

        return Dialect(
            prefix="#SBATCH",
            submit=lambda paths: ("sbatch", *_streams(paths), paths.script),
            job_id=job_id,
            refusal=is_refusal,
            cancel=lambda jobs: ("scancel", "--verbose", *where, *job_ids(jobs)),
            cancelled=scancel_answers,
            status=(StatusQuery(squeue, squeue_reports, batch=self.status_batch_size),),
            history=StatusQuery(sacct, sacct_reports, batch=self.status_batch_size),
            find=lambda name: ("squeue", *where, "--noheader", f"--name={name}", "--format=%F"),
            found=lambda result: [word for word in result.stdout.split() if word.isdecimal()],
            judge=lambda paths: ("sbatch", "--test-only", *_streams(paths), paths.script),
        )

    def _cores_per_task(self, request: BlockRequest) -> int | None:
        if self.cores_per_node is None:
            return None
        return max(1, self.cores_per_node // request.tasks_per_node)


def _streams(paths: JobPaths) -> Command:
    """Where a job's output goes; sbatch would put numbers in the place of what a percent sign begins."""
    stdout, stderr = paths.stdout.replace("%", "%%"), paths.stderr.replace("%", "%%")
    return f"--output={stdout}", f"--error={stderr}", "--open-mode=append"


def overriding(provider: SlurmProvider, environment: Mapping[str, str]) -> list[str]:
    """Variables by which sbatch would do something else than a provider says, as ``NAME=value``.

    They count more than the options in a script (https://slurm.schedmd.com/sbatch.html, "Input environment variables").
    Where jobs are submitted over a channel, the variables of the other machine count, which nobody knows here.
    """
    if provider.channel is not None:
        return []
    wanted = {
        "SBATCH_PARTITION": provider.partition,
        "SBATCH_ACCOUNT": provider.account,
        "SBATCH_QOS": provider.qos,
        "SBATCH_CONSTRAINT": provider.constraint,
        "SBATCH_TIMELIMIT": provider.walltime,
        "SBATCH_GRES": provider.gres,
        "SBATCH_GPUS_PER_NODE": provider.gpus_per_node,
    }
    found = {name: environment.get(name) for name, value in wanted.items() if value is not None}
    return [f"{name}={value}" for name, value in found.items() if value not in (None, str(wanted[name]))]


def _finds_an_id(pattern: str) -> bool:
    try:
        return "id" in re.compile(pattern).groupindex
    except re.error:
        return False


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"SlurmProvider": SlurmProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a Slurm provider, None for any other."""
    if isinstance(description, SlurmProvider) and (stronger := overriding(description, os.environ)):
        logger.warning("sbatch will heed %s rather than what the provider asks for", ", ".join(stronger))
    return open_batch(description, SlurmProvider, context)
