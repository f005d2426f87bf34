"""Blocks from Cobalt."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from parsl_like.errors import BadLauncher
from parsl_like.launchers.aprun import AprunLauncher
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.batch import BatchProvider, directive_word, expect_directives, open_batch
from parsl_like.providers.cobalt import answers
from parsl_like.providers.dialect import Dialect, StatusQuery
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.dialect import Command, JobPaths

FIND = (
    'qstat -l --header=JobID:JobName | awk -v name="$1"'
    ' \'$1 == "JobID:" { job = $2 } $1 == "JobName" && $NF == name { print job }\''
)
"""Shell text: prints the numbers of jobs of the name that is its first argument; Cobalt cannot be asked for those."""
QUEUE_OF = (
    'queue=$(qstat -l --header=JobID:Queue "$1" | awk \'$1 == "Queue" { print $NF }\')'
    ' && [ -n "$queue" ] && exec qstat -Q -l "$queue"'
)
"""Shell text: prints what is known of the queue of the job that is its first argument."""

_ORDER = (
    "nodes_per_block init_blocks min_blocks max_blocks parallelism walltime account queue scheduler_options worker_init"
    " launcher cmd_timeout"
)


@parsl_order(newest=_ORDER, legacy=f"channel {_ORDER}")
@dataclasses.dataclass(kw_only=True)
class CobaltProvider(BatchProvider):
    """Starts blocks as jobs of Cobalt (qsub, qstat, qdel), as Parsl 1.2 did.

    Cobalt counts walltimes in minutes; a part of one is taken for a whole one. The default launcher is for Cray
    machines, as with Parsl; elsewhere give another.

    See :class:`~parsl_like.providers.batch.BatchProvider` for the arguments that all have.

    Args:
        account: The project to charge.
        queue: The queue.
    """

    status_polling_interval: ClassVar[float] = 15.0
    """Jobs that are over are not shown any more: it takes several answers to be sure of what became of one."""
    streams_late: ClassVar[bool] = True
    """Not late, but by a way through which not every path goes: the script writes to its files itself."""

    label: str = dataclasses.field(default="cobalt", init=False, repr=False)
    init_blocks: int = dataclasses.field(default=0, metadata={"help": "Blocks to start with."})
    account: str | None = dataclasses.field(default=None, metadata={"help": "The account to charge; None for none."})
    queue: str | None = dataclasses.field(default=None, metadata={"help": "The queue; None for the default one."})
    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script, each beginning with #COBALT."}
    )
    launcher: Callable[[str, int, int], str] = dataclasses.field(
        default_factory=AprunLauncher,
        metadata={"help": "Multiplies the command over the nodes of a block.", "refusal": BadLauncher},
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_directives(self, "account", "queue")

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """The options of qsub that a block's resources become."""
        del request, name
        lines = [f"-n {self.nodes_per_block}", f"-t {math.ceil(self.lifetime / 60)}", "--mode script"]
        if self.account is not None:
            lines.append(f"-A {directive_word(self, 'account')}")
        if self.queue is not None:
            lines.append(f"-q {directive_word(self, 'queue')}")
        return lines

    def dialect(self) -> Dialect:
        """The commands of Cobalt (https://github.com/ido/cobalt/tree/master/man/POSIX)."""

        def listing(jobs: Sequence[str]) -> Command:
            return ("qstat", "-l", "--header=JobID:JobName:State", *answers.job_ids(jobs))

        return Dialect(
            prefix="#COBALT",
            submit=_submit,
            job_id=answers.job_id,
            refusal=answers.refused,
            cancel=lambda jobs: ("qdel", *answers.job_ids(jobs)),
            cancelled=answers.cancelled,
            status=(StatusQuery(listing, answers.reports),),
            find=lambda name: ("bash", "-o", "pipefail", "-c", FIND, "qstat", name),
            found=answers.found,
            reason=lambda job: ("bash", "-o", "pipefail", "-c", QUEUE_OF, "qstat", *answers.job_ids([job])),
            why=answers.why,
        )


def _submit(paths: JobPaths) -> Command:
    """What Cobalt itself says of the job goes to a file; a dollar in a path would mean something to qsub."""
    log = paths.stdout if re.fullmatch(r"[^$\\]+", paths.stdout) else "/dev/null"
    streams = ("-o", "/dev/null", "-e", "/dev/null", "--debuglog", log)
    return ("qsub", "--jobname", paths.name, *streams, paths.script)


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"CobaltProvider": CobaltProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a provider of this module, None for any other."""
    return open_batch(description, CobaltProvider, context)
