"""Blocks from Grid Engine: Son of Grid Engine 8.1 and its relatives."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.fields import expect, expect_word
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.batch import BatchProvider, directive_word, expect_directives, open_batch
from parsl_like.providers.dialect import Command, Dialect, JobPaths, StatusQuery
from parsl_like.providers.grid_engine import answers
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.job_states import JobReport
    from parsl_like.core.ports import BlockContext, BlockRequest, CommandResult, ProviderSession
    from parsl_like.providers.base import ExecutionProvider

PREFIX = "#$"


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
class GridEngineProvider(BatchProvider):
    """Describes blocks that are jobs of Grid Engine (qsub, qstat, qacct, qdel).

    A block gets a slot of one host. For more of either, name a parallel environment of your site in
    ``scheduler_options``: ``"#$ -pe mpi 32"``. A job sees nothing of the environment that it is submitted from unless
    ``scheduler_options`` has ``"#$ -V"``; ``worker_init`` sets up what workers need.

    See :class:`~parsl_like.providers.batch.BatchProvider` for the arguments that all have.

    Args:
        queue: The queue, or what Grid Engine takes for a list of them; None for any.
    """

    status_polling_interval: ClassVar[float] = 15.0
    """Jobs that are over are not shown any more: it takes several answers to be sure of what became of one."""
    streams_late: ClassVar[bool] = True
    """Not late, but by a way through which not every path goes: the script writes to its files itself."""
    exit_words: ClassVar[frozenset[int]] = frozenset({99, 100})
    """99 has a job run again, 100 puts it into the error state (submit(1), "exit status")."""

    label: str = dataclasses.field(default="grid_engine", init=False, repr=False)
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #$."}
    )
    cmd_timeout: float = dataclasses.field(
        default=60, metadata={"help": "Seconds a command of the batch system may take."}
    )
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
    returning: ClassVar[str] = r"#\$\s(.*\s)?-r\s+y"

    def check(self) -> None:
        """Refuse, in addition, a queue that is none, and directives where they would not be noticed.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "queue", optional=True)
        expect_directives(self, "queue")
        hidden = any(line.startswith(PREFIX) for line in self.worker_init.splitlines())
        expect(self, "worker_init", not hidden, "shell text; Grid Engine takes lines with #$ for scheduler_options")

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """The walltime as the hard limit ``h_rt``, and the queue; a job that lost its host is not run again."""
        del request, name
        lines = [f"-l h_rt={self.lifetime}", "-r n"]
        if self.queue is not None:
            lines.append(f"-q {directive_word(self, 'queue')}")
        return lines

    def dialect(self) -> Dialect:
        """The commands of Grid Engine (submit(1), qstat(1), qacct(1), qdel(1))."""

        def ended(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, JobReport]:
            return answers.accounted(result, jobs, lifetime=self.lifetime)

        return Dialect(
            prefix=PREFIX,
            submit=_submit,
            job_id=answers.job_id,
            refusal=answers.refused,
            cancel=lambda jobs: ("qdel", *_numbers(jobs)),
            cancelled=answers.cancelled,
            # Of full listings, since only they show the state of the host that a job runs on.
            status=(StatusQuery(lambda _: ("qstat", "-f", "-ne", "-r", "-xml"), answers.states, batch=1000),),
            history=StatusQuery(lambda jobs: ("qacct", "-j", *_numbers(jobs)), ended, batch=1),
            force=lambda jobs: ("qdel", "-f", *_numbers(jobs)),
            find=lambda name: ("qstat", "-j", name),
            found=answers.found,
            reason=lambda job: ("qstat", "-j", *_numbers([job])),
            why=answers.why,
            judge=lambda paths: ("qsub", "-w", "v", *_submit(paths)[1:]),
        )


def _submit(paths: JobPaths) -> Command:
    """The command line wins over directives: where output goes, and which shell reads the script, is not up to them."""
    folder = paths.folder if "$" not in paths.folder else "/"  # the script goes to its directory itself
    streams = ("-o", _stream(paths.stdout), "-e", _stream(paths.stderr))
    return ("qsub", "-terse", "-N", paths.name, "-S", "/bin/bash", "-wd", folder, "-j", "n", *streams, paths.script)


def _stream(path: str) -> str:
    """A path as qsub takes it, for which commas, colons, quotes, dollars and tildes mean something (submit(1))."""
    return path if re.fullmatch(r"[\w./+%=@ -]+", path) else "/dev/null"


def _numbers(jobs: Sequence[str]) -> Sequence[str]:
    """Those that are numbers, or else one that no job has: the commands take anything else for a job's name."""
    return [job for job in jobs if job.isascii() and job.isdecimal()] or [str(answers.LAST_NUMBER + 1)]


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"GridEngineProvider": GridEngineProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a Grid Engine provider, None for any other."""
    return open_batch(description, GridEngineProvider, context)
