"""What all providers share: the description of how many blocks of what size, and Parsl's calls on it."""

from __future__ import annotations

import dataclasses
import operator
import os
from contextlib import closing
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from parsl_like.channels.base import Channel
from parsl_like.clocks import SystemClock
from parsl_like.core.description import Description
from parsl_like.core.fields import expect_positive, expect_whole, own_containers
from parsl_like.core.ids import BlockId, ExecutorLabel, JobId
from parsl_like.core.job_states import JobState
from parsl_like.core.limits import BlockLimits
from parsl_like.core.ports import BlockContext, BlockRequest, RunInfo
from parsl_like.errors import BadLauncher, ConfigurationError, ExecutionProviderException
from parsl_like.launchers.base import check_launcher
from parsl_like.launchers.single_node import SingleNodeLauncher
from parsl_like.providers.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.core.ports import ProviderSession

CALLED_AS_WRITTEN = ("submit", "status", "cancel")
"""Methods that a run calls itself as soon as a class of the user's has its own."""


@dataclasses.dataclass
class ExecutionProvider(Description):
    """A source of blocks: the base of all providers, those of this package and those of users.

    Providers of this package are inert dataclasses; a run opens a session from one. A user's class derives from this
    one and either has ``open``, or has ``submit``, ``status`` and ``cancel`` as Parsl asks for them; a run then calls
    those as they are written, on the very object.

    Called by hand, ``submit``, ``status`` and ``cancel`` each open a session in the current directory (or in
    ``script_dir``) and close it: nothing is remembered in between but what the batch system and the job's files know.

    Args:
        nodes_per_block: Nodes in each block.
        init_blocks: Blocks to start with.
        min_blocks: Never fewer than this many blocks.
        max_blocks: Never more than this many blocks.
        parallelism: Slots wanted for each task that runs or could run, from 0 (as few as possible) to 1.
        worker_init: Shell text that runs in a block before its command.
        launcher: How the command is multiplied over the nodes of a block.
        cmd_timeout: Seconds a command of the batch system may take.
        cores_per_node: Cores that workers may use on a node; None for all there are.
        mem_per_node: GiB of memory that workers may use on a node; None for all there is.
        channel: The way to the machine where blocks are asked for, if it is not this one.
        move_files: Parsl 1.2's; files are where they have to be without it.

    Attributes:
        script_dir: Where calls by hand put scripts; the current directory if None.

    Raises:
        BadLauncher: the launcher is not one.
    """

    _: dataclasses.KW_ONLY
    nodes_per_block: int = field(default=1, metadata={"help": "Nodes in each block."})
    init_blocks: int = field(default=1, metadata={"help": "Blocks to start with."})
    min_blocks: int = field(default=0, metadata={"help": "Never fewer blocks than this."})
    max_blocks: int = field(
        default=1, metadata={"help": "Never more blocks than this; min_blocks and init_blocks raise it."}
    )
    parallelism: float = field(
        default=1, metadata={"help": "Slots wanted for each task that runs or could run, from 0 to 1."}
    )
    worker_init: str = field(default="", metadata={"help": "Shell text that runs in a block before its command."})
    launcher: Callable[[str, int, int], str] = field(
        default_factory=SingleNodeLauncher,
        metadata={"help": "Multiplies the command over the nodes of a block.", "refusal": BadLauncher},
    )
    cmd_timeout: float = field(default=30, metadata={"help": "Seconds a command of the batch system may take."})
    cores_per_node: int | None = field(
        default=None, metadata={"help": "Cores that workers may use on a node; None for all."}
    )
    mem_per_node: float | None = field(
        default=None, metadata={"help": "GiB of memory that workers may use on a node; None for all."}
    )
    channel: Channel | None = field(
        default=None, metadata={"help": "The way to another machine where blocks are asked for."}
    )
    move_files: bool | None = field(default=None, metadata={"help": "Parsl 1.2's; not needed."})
    script_dir: str | None = field(default=None, init=False, repr=False, compare=False)

    status_polling_interval: ClassVar[float] = 60.0
    """Seconds between two questions for the state of all jobs."""

    def __post_init__(self) -> None:
        check_launcher(self.launcher)
        own_containers(self)

    # --- as a description ----------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The kind of batch system, for messages."""
        return type(self).__name__.removesuffix("Provider").lower() or "provider"

    @property
    def connect_timeout(self) -> float:
        """Seconds a block may run before a manager must have connected; ``worker_init`` may take its time."""
        return 600.0

    def limits(self) -> BlockLimits:
        """How many blocks there may be, as numbers for a scaling policy.

        A minimum or an initial number above ``max_blocks`` raises it: a program that asks for four blocks and leaves
        the maximum at its default gets four, as with Parsl.
        """
        return BlockLimits(
            init=self.init_blocks,
            minimum=self.min_blocks,
            maximum=max(self.max_blocks, self.min_blocks, self.init_blocks),
            parallelism=self.parallelism,
            nodes_per_block=self.nodes_per_block,
        )

    def check(self) -> None:
        """Refuse numbers that cannot be meant and a launcher that is not one.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
            BadLauncher: the launcher is not one.
        """
        kind = type(self).__name__
        for name, least in (("nodes_per_block", 1), ("init_blocks", 0), ("min_blocks", 0), ("max_blocks", 0)):
            value = getattr(self, name)
            try:
                good = operator.index(value) >= least
            except TypeError:
                good = False
            if not good:
                raise ConfigurationError(f"{kind}.{name}", value, f"a whole number, at least {least}")
        for name in ("parallelism", "cmd_timeout"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value >= 0:
                raise ConfigurationError(f"{kind}.{name}", value, "a number that is not negative")
        if self.parallelism == float("inf"):
            raise ConfigurationError(f"{kind}.parallelism", self.parallelism, "a finite number")
        expect_whole(self, "cores_per_node", least=1, optional=True)
        expect_positive(self, "mem_per_node", optional=True)
        if not isinstance(self.worker_init, str):
            raise ConfigurationError(f"{kind}.worker_init", self.worker_init, "shell text")
        if self.channel is not None and not isinstance(self.channel, Channel):
            raise ConfigurationError(f"{kind}.channel", self.channel, "None or a channel")
        check_launcher(self.launcher)

    def sealed(self) -> Self:
        """A checked copy that refuses assignments; a provider whose methods are the user's own is shared as it is."""
        return self if is_foreign(self) else super().sealed()

    # --- in a run ------------------------------------------------------------------------------------------------

    def open(self, context: BlockContext) -> ProviderSession:
        """A session that submits, asks and cancels.

        Raises:
            ExecutionProviderException: blocks of this kind cannot be had here.
        """
        raise ExecutionProviderException(
            f"{type(self).__name__} has neither open nor all of {', '.join(CALLED_AS_WRITTEN)} of its own."
        )

    # --- by hand, as Parsl's documents show ----------------------------------------------------------------------

    def submit(self, command: str, tasks_per_node: int, job_name: str = "parsl_like.auto") -> str | None:
        """Start one block.

        Args:
            command: What each node runs.
            tasks_per_node: How often each node runs it.
            job_name: A name for the batch system.

        Returns:
            The job's id.

        Raises:
            SubmitException: the batch system refused.
        """
        with closing(self.open(self._by_hand())) as session:
            return session.submit(BlockRequest(BlockId("manual"), command, tasks_per_node, job_name))

    def status(self, job_ids: Sequence[Any]) -> list[JobStatus]:
        """The states of jobs, in the order of their ids; UNKNOWN for one that was not seen."""
        with closing(self.open(self._by_hand())) as session:
            reports = session.status([JobId(str(job)) for job in job_ids])
            statuses = []
            for job in map(str, job_ids):
                report = reports.get(JobId(job))
                if report is None:
                    statuses.append(JobStatus(JobState.UNKNOWN, "the job was not seen"))
                else:
                    paths = session.output(JobId(job))
                    statuses.append(JobStatus(report.state, report.message, report.exit_code, *paths))
        return statuses

    def cancel(self, job_ids: Sequence[Any]) -> list[bool]:
        """Ask for jobs to be ended; True, in the order of the ids, where that was accepted."""
        jobs = [JobId(str(job)) for job in job_ids]
        with closing(self.open(self._by_hand())) as session:
            accepted = session.cancel(jobs)
        return [accepted.get(job, False) for job in jobs]

    def _by_hand(self) -> BlockContext:
        directory = os.path.abspath(self.script_dir or os.curdir)
        return one_shot_context(directory)


# What a user's class has that does not call the constructor above.
ExecutionProvider.launcher = SingleNodeLauncher()


def one_shot_context(script_dir: str, label: str = "manual") -> BlockContext:
    """The context of a session that no run has opened.

    Args:
        script_dir: Where scripts go.
        label: In the place of an executor's label.
    """
    clock = SystemClock()
    run = RunInfo(run_id="", run_dir=script_dir, started=clock.wall())
    return BlockContext(run=run, label=ExecutorLabel(label), script_dir=script_dir, clock=clock)


def is_foreign(provider: object) -> bool:
    """Whether a run has to call a provider's ``submit``, ``status`` and ``cancel`` because a user wrote one of them."""
    return any(
        getattr(type(provider), name, None) is not getattr(ExecutionProvider, name) for name in CALLED_AS_WRITTEN
    )
