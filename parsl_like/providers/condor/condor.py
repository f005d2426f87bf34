"""Blocks from HTCondor."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.fields import expect, expect_positive, expect_whole
from parsl_like.errors import ConfigurationError
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.batch import BatchProvider, directive_word, open_batch
from parsl_like.providers.condor import answers
from parsl_like.providers.dialect import Dialect, StatusQuery
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.dialect import Command, JobPaths

PREFIX = "#CONDOR"
SUBMIT = "sed -n -e '/^# Made for /q' -e 's/^#CONDOR //p' \"$1\" | { shift; exec condor_submit -terse \"$@\" -; }"
"""Shell text: the lines of the script that are a submit description become condor_submit's standard input."""


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
class CondorProvider(BatchProvider):
    """Starts blocks as jobs of HTCondor (condor_submit, condor_q, condor_history, condor_rm); version 8.6 or newer.

    A block is one job of the vanilla universe, so one slot of one machine, which has to see the run directory: a shared
    file system. A job that loses its machine is removed, not started again; another block is asked for instead.

    See :class:`~parsl_like.providers.batch.BatchProvider` for the arguments that all have.

    Args:
        cores_per_slot: Cores of the slot, which the block's managers take for all there are.
        mem_per_slot: GiB of its memory.
        environment: Variables for the block's processes.
        project: The project to charge, as pools of the OSG consortium know them (``+ProjectName``).
        scheduler_options: Lines of a submit description. They come after those of this provider, so they win.
        transfer_input_files: Files that HTCondor brings to the job; they are in ``$_CONDOR_SCRATCH_DIR`` then.
        requirements: What a machine must be like.
        cmd_chunk_size: Jobs to ask for in one command.
    """

    status_polling_interval: ClassVar[float] = 15.0
    """Jobs that are over are not shown any more: it takes several answers to be sure of what became of one."""
    streams_late: ClassVar[bool] = True
    """Where files are brought to and from a machine; what HTCondor itself says of the job is its event log."""

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
        one = "1: a job of HTCondor has one slot; for more of them use max_blocks"
        expect(self, "nodes_per_block", self.nodes_per_block == 1, one)
        if self.project:
            directive_word(self, "project")
        expect(self, "requirements", _is_one_line(self.requirements), "an expression in one line")
        for name in self.transfer_input_files:
            expect(self, "transfer_input_files", _is_one_line(name) and "," not in name, "paths without commas")
        for name in self.environment or {}:
            expect(self, "environment", re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) is not None, "names of variables")
        queues = [line for line in self.scheduler_options.splitlines() if re.match(r"\s*queue\b", line, re.IGNORECASE)]
        expect(self, "scheduler_options", not queues, "lines without queue; each block is one job")
        hidden = any(line.startswith(PREFIX) for line in self.worker_init.splitlines())
        expect(self, "worker_init", not hidden, "shell text; lines of a submit description are for scheduler_options")

    def exports(self, request: BlockRequest) -> Mapping[str, str]:
        """The user's variables, and what the block's managers may use of their machine: the slot."""
        del request
        variables = {name: str(value) for name, value in (self.environment or {}).items()}
        if self.cores_per_slot is not None:
            variables["PARSL_CORES"] = str(self.cores_per_slot)
        if self.mem_per_slot is not None:
            variables["PARSL_MEMORY_GB"] = str(self.mem_per_slot)
        return variables

    def header(self, request: BlockRequest, name: str) -> str:
        """The submit description, each of its lines as a comment, and the variables that any program needs.

        Raises:
            ConfigurationError: a value cannot stand in the description.
        """
        own = [line.strip() for line in self.scheduler_options.splitlines() if line.strip()]
        lines = [f"{PREFIX} {line}" for line in (*self.directives(request, name), *own, "queue 1")]
        # A job of HTCondor starts with next to no variables, and bash keeps its own PATH to itself.
        return "\n".join([*lines, "export PATH HOME=~"])

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """The commands of a submit description that a block's resources become."""
        del request, name
        lines = ["universe = vanilla", "notification = never"]
        if self.cores_per_slot is not None:
            lines.append(f"request_cpus = {self.cores_per_slot}")
        if self.mem_per_slot is not None:
            lines.append(f"request_memory = {max(1, round(self.mem_per_slot * 1024))}")
        if self.project:
            lines.append(f'+ProjectName = "{directive_word(self, "project")}"')
        lines.append(f"requirements = {self._requirements()}")
        over = f"JobStatus == 2 && time() - JobCurrentStartDate > {self.lifetime}"
        lines.append(f"periodic_remove = ({over}) || (JobStatus == 1 && NumJobStarts > 0)")
        if self.transfer_input_files:
            lines += ["should_transfer_files = YES", f"transfer_input_files = {', '.join(self.transfer_input_files)}"]
        else:
            lines.append("should_transfer_files = IF_NEEDED")
        return [*lines, "when_to_transfer_output = ON_EXIT", 'transfer_output_files = ""']

    def _requirements(self) -> str:
        """A job that has begun on one machine matches no other: what a block needs is gone when it has ended."""
        first = "(isUndefined(NumJobStarts) || NumJobStarts == 0)"
        return f"({self.requirements.strip()}) && {first}" if self.requirements.strip() else first

    def dialect(self) -> Dialect:
        """The commands of HTCondor (https://htcondor.readthedocs.io/en/latest/man-pages/)."""

        def listing(jobs: Sequence[str]) -> Command:
            return ("condor_q", *answers.job_ids(jobs), "-json", "-attributes", answers.ATTRIBUTES)

        def past(jobs: Sequence[str]) -> Command:
            numbers = answers.job_ids(jobs)
            limit = ("-limit", str(len(numbers)))
            return ("condor_history", *numbers, *limit, "-json", "-attributes", answers.ATTRIBUTES)

        ended = functools.partial(answers.remembered, lifetime=self.lifetime)
        return Dialect(
            prefix=PREFIX,
            submit=_submit,
            job_id=answers.job_id,
            refusal=answers.refused,
            cancel=lambda jobs: ("condor_rm", *answers.job_ids(jobs)),
            cancelled=answers.cancelled,
            status=(StatusQuery(listing, answers.queued, batch=self.cmd_chunk_size),),
            history=StatusQuery(past, ended, batch=self.cmd_chunk_size),
            force=lambda jobs: ("condor_rm", "-forcex", *answers.job_ids(jobs)),
            find=lambda name: ("condor_q", "-constraint", f'JobBatchName == "{name}"', "-autoformat", "ClusterId"),
            found=answers.found,
            reason=lambda job: ("condor_q", "-better-analyze", *answers.job_ids([job])),
            why=answers.why,
            judge=lambda paths: _submit(paths, "-dry-run", "-"),
        )


def _submit(paths: JobPaths, *more: str) -> Command:
    """The command for a script; the file of the job's events is where other batch systems write what they say of it.

    Raises:
        ConfigurationError: a path cannot stand in a submit description.
    """
    commands = {
        "executable": paths.script,
        "initialdir": paths.folder,
        "log": paths.stdout,
        "output": "/dev/null",
        "error": "/dev/null",
    }
    options = [word for name, path in commands.items() for word in ("-append", f"{name} = {_value(path)}")]
    start = ("bash", "-o", "pipefail", "-c", SUBMIT, "condor_submit", paths.script)
    return (*start, *more, "-batch-name", paths.name, *options)


def _value(path: str) -> str:
    """A path as a submit description takes it, in which a dollar begins the name of a macro."""
    if not _is_one_line(path) or path != path.strip() or path.endswith("\\"):
        raise ConfigurationError("CondorProvider's files", path, "a run directory without line ends in its path")
    return path.replace("$", "$(DOLLAR)")


def _is_one_line(text: str) -> bool:
    return text.isprintable()


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"CondorProvider": CondorProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a provider of this module, None for any other."""
    return open_batch(description, CondorProvider, context)
