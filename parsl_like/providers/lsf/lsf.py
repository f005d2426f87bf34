"""Blocks from LSF."""

from __future__ import annotations

import dataclasses
import math
import re
import shlex
from typing import TYPE_CHECKING, ClassVar, Self

from parsl_like.core.fields import expect, expect_whole
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.batch import BatchProvider, directive_word, expect_directives, open_batch
from parsl_like.providers.dialect import Dialect, StatusQuery
from parsl_like.providers.lsf import answers
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.dialect import Command, JobPaths

PREFIX = "#BSUB"
FROM_INPUT = 'script=$1; shift; exec bsub "$@" < "$script"'
"""Shell text: the script, its first argument, becomes bsub's standard input."""
HELD_FROM_INPUT = 'shift 2; script=$1; shift; exec bsub -H "$@" < "$script"'
"""The same for a held job; the text for one that is not, and a name, come before the script."""


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
class LSFProvider(BatchProvider):
    """Starts blocks as jobs of LSF (bsub, bjobs, bkill); version 10.1 or newer.

    A block is asked for by its nodes (``bsub -nnodes``, as on Summit and its relatives) or, with
    ``request_by_nodes=False``, by its cores (``bsub -n``, as everywhere else): ``nodes_per_block`` then follows from
    ``cores_per_block`` and ``cores_per_node``. LSF counts walltimes in minutes; a part of one is taken for a whole one.

    See :class:`~parsl_like.providers.batch.BatchProvider` for the arguments that all have.

    Args:
        project: The project to charge.
        queue: The queue.
        bsub_redirection: Whether bsub gets the script as its standard input. Otherwise it gets the script's path, and
            what the script asks for as options, since whether bsub reads a script's lines then is up to the site.
    """

    streams_late: ClassVar[bool] = True

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
        expect_directives(self, "project", "queue")
        if not self.request_by_nodes:
            for name in ("cores_per_block", "cores_per_node"):
                expect(self, name, getattr(self, name) is not None, "a number of cores, with request_by_nodes=False")
        expect(self, "scheduler_options", _words(self.scheduler_options) is not None, "lines whose quotes are closed")
        hidden = any(line.startswith(PREFIX) for line in self.worker_init.splitlines())
        expect(self, "worker_init", not hidden, "shell text; bsub takes lines with #BSUB for scheduler_options")

    def sealed(self) -> Self:
        """A checked copy that refuses assignments, with the nodes that follow from the cores."""
        twin = super().sealed()
        if twin is not self and not self.request_by_nodes and self.cores_per_block and self.cores_per_node:
            object.__setattr__(twin, "nodes_per_block", math.ceil(self.cores_per_block / self.cores_per_node))
        return twin

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """The options of bsub that a block's resources become; a job that lost its host is not run again."""
        del request, name
        return self._options()

    def _options(self) -> list[str]:
        if self.request_by_nodes:
            lines = [f"-nnodes {self.nodes_per_block}"]
        else:
            lines = [f"-n {self.cores_per_block}", f'-R "span[ptile={self.cores_per_node}]"']
        minutes = math.ceil(self.lifetime / 60)
        lines += [f"-W {minutes // 60}:{minutes % 60:02d}", "-rn"]
        if self.queue is not None:
            lines.append(f"-q {directive_word(self, 'queue')}")
        if self.project is not None:
            lines.append(f"-P {directive_word(self, 'project')}")
        return lines

    @property
    def may_return(self) -> bool:
        """Whether LSF runs a job again whose host has failed."""
        return "-r" in (_words(self.scheduler_options) or [])

    def dialect(self) -> Dialect:
        """The commands of LSF (https://www.ibm.com/docs/en/spectrum-lsf/10.1.0?topic=reference-commands)."""
        words = [*shlex.split(" ".join(self._options())), *(_words(self.scheduler_options) or [])]

        def submit(paths: JobPaths) -> Command:
            named = ("-J", paths.name, "-o", _stream(paths.stdout))
            if self.bsub_redirection:
                return ("sh", "-c", FROM_INPUT, "bsub", paths.script, *named)
            return ("bsub", *words, *named, paths.script)

        def listing(jobs: Sequence[str]) -> Command:
            return ("bjobs", "-a", "-noheader", "-o", answers.FIELDS, *answers.job_ids(jobs))

        return Dialect(
            prefix=PREFIX,
            submit=submit,
            job_id=answers.job_id,
            refusal=answers.refused,
            cancel=lambda jobs: ("bkill", *answers.job_ids(jobs)),
            cancelled=answers.cancelled,
            status=(StatusQuery(listing, answers.reports),),
            force=lambda jobs: ("bkill", "-r", *answers.job_ids(jobs)),
            find=lambda name: ("bjobs", "-noheader", "-o", "jobid", "-J", name),
            found=answers.found,
            hold=("-c", HELD_FROM_INPUT) if self.bsub_redirection else ("-H",),
        )


def _words(options: str) -> list[str] | None:
    """The options in lines that begin with the prefix, None where a quote is open."""
    lines = (line.strip() for line in options.splitlines())
    try:
        return shlex.split("\n".join(line[len(PREFIX) :] for line in lines if line.startswith(PREFIX)), comments=True)
    except ValueError:
        return None


def _stream(path: str) -> str:
    """A path as bsub takes it, for which percent signs, dollars and backslashes mean something."""
    return path if re.fullmatch(r"[\w./+=@:, -]+", path) else "/dev/null"


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"LSFProvider": LSFProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a provider of this module, None for any other."""
    return open_batch(description, LSFProvider, context)
