"""The seams: what the kernel, the job poller and the records thread know of everything that touches the world.

A description is opened into a session that satisfies one of these protocols; nothing above a seam asks for more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path, PurePath, PurePosixPath  # for annotations only: the core reads no file

    from parsl_like.core.events import Acknowledge, RawEvent
    from parsl_like.core.ids import AttemptId, BlockId, ExecutorLabel, JobId
    from parsl_like.core.job_states import JobReport
    from parsl_like.core.limits import ExecutorLoad
    from parsl_like.core.reattachment import Reattachment
    from parsl_like.core.records import Record


class Attempt(Protocol):
    """One try of one task, as an executor sees it. Executors read it and keep no other task state.

    Attributes:
        attempt_id: Its identity; comes back in the event that ends it.
        function: The callable itself (executors that want objects), else the packed function.
        args: Positional arguments with all dependencies in place (executors that want objects).
        kwargs: Keyword arguments likewise.
        body: The packed call (executors that want bytes).
        buffers: Large parts of the packed call, out of band.
        resources: The ``parsl_resource_specification``, or None.
        priority: Lower runs first; equal ones in order of submission.
        walltime: Seconds the task may run, or None.
    """

    @property
    def attempt_id(self) -> AttemptId:
        """Its identity."""
        ...

    @property
    def function(self) -> Any:
        """What to call."""
        ...

    @property
    def args(self) -> tuple[Any, ...]:
        """Positional arguments."""
        ...

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """Keyword arguments."""
        ...

    @property
    def body(self) -> bytes:
        """The packed call."""
        ...

    @property
    def buffers(self) -> Sequence[Any]:
        """Its large parts."""
        ...

    @property
    def resources(self) -> Mapping[str, Any] | None:
        """What it needs."""
        ...

    @property
    def priority(self) -> float:
        """Lower runs first."""
        ...

    @property
    def walltime(self) -> float | None:
        """Its limit in seconds."""
        ...


@runtime_checkable
class ExecutorSession(Protocol):
    """A running executor. All methods are called by the kernel's owner thread, and none of them waits.

    Attributes:
        label: The executor's name in this run.
        wants: Whether attempts carry objects (same process) or packed bytes.
    """

    label: ExecutorLabel
    wants: Literal["objects", "bytes"]

    def fds(self) -> Sequence[int]:
        """File descriptors that become readable when ``pump`` has something; may be empty."""
        ...

    def pump(self) -> Sequence[RawEvent]:
        """Everything that has come since the last call, as events; never waits."""
        ...

    def deadline(self) -> float:
        """When ``pump`` is to be called though no descriptor says so, in monotonic seconds; infinity for never."""
        ...

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Take over attempts; never waits. Each ends in exactly one event unless cancelled."""
        ...

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Stop attempts as far as possible; their news, if any still comes, will be ignored."""
        ...

    def load(self) -> ExecutorLoad:
        """What there is to do and to do it with."""
        ...

    def close(self, *, deadline: float) -> None:
        """End everything the session started, by asking and then by force, before ``deadline`` (monotonic seconds)."""
        ...


class BlockKeeper(Protocol):
    """Who looks after the blocks of executors; every method may be called from any thread."""

    def scale_out(self, label: str, count: int) -> None:
        """Ask for more blocks for an executor, whatever its policy thinks."""
        ...

    def scale_in(self, label: str, blocks: Sequence[BlockId]) -> None:
        """Let blocks of an executor go, whatever its policy thinks."""
        ...

    def status(self) -> Mapping[str, Mapping[str, Any]]:
        """By executor: its live blocks and how they do, as plain data."""
        ...


@runtime_checkable
class ElasticSession(ExecutorSession, Protocol):
    """An executor whose workers live in blocks got from a provider. Called by the jobs thread, so thread-safe.

    Attributes:
        keeper: Who looks after its blocks, once somebody does.
    """

    keeper: BlockKeeper | None

    def block_request(self, block: BlockId) -> BlockRequest:
        """What to submit so that a block's managers connect to this session."""
        ...

    def when_crowded(self, nudge: Callable[[], None]) -> None:
        """Call ``nudge``, which costs next to nothing, whenever there is more to do than connected workers can."""
        ...

    def drain(self, blocks: Sequence[BlockId]) -> None:
        """Let blocks finish what they run, take nothing new, then end by themselves."""
        ...

    def block_ended(self, block: BlockId, reason: str) -> None:
        """A block's job is over; what its managers held is lost, unless they still speak."""
        ...

    def fail(self, error: BaseException) -> None:
        """The executor cannot get blocks any more: every task it has, and every later one, ends with ``error``."""
        ...


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """A place for a block's managers that is not the machine where the program runs, nor one with the same files.

    Attributes:
        routes: For each TCP port of this machine that they must reach, where they reach it from there, as
            ``host:port``, in the order in which to try; empty if they reach it at this machine's own addresses.
        folder: Absolute folder there for logs; None for the executor's own.
        files: Absolute folder there in which the block's own files are; None for the executor's own.
        python: The interpreter there; None for the one that runs here.
        directory: Absolute folder there in which the block's command runs.
    """

    routes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    folder: str | None = None
    files: str | None = None
    python: str | None = None
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """One block to be had from a provider.

    Attributes:
        block_id: Durable within the run.
        command: The command line to run once per node (a launcher multiplies it).
        tasks_per_node: How often the launcher starts the command on each node.
        job_name: A name for the batch system.
        files: Files the block needs beside its script, by name; written with mode 0600.
        addresses: URLs where the block's managers reach their executor; replaced by tunnels and clouds.
        walltime: Seconds the block may live, or None for the provider's own.
        ports: TCP ports of this machine that the block's managers must reach.
        at: The same block for another place; None if it can only run where the program's files are.
    """

    block_id: BlockId
    command: str
    tasks_per_node: int = 1
    job_name: str = "parsl_like.auto"
    files: Mapping[str, bytes] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    walltime: float | None = None
    ports: tuple[int, ...] = ()
    at: Callable[[BlockPlace], BlockRequest] | None = field(default=None, compare=False, repr=False)


@runtime_checkable
class ProviderSession(Protocol):
    """A source of blocks. Remembers nothing that the batch system, the ledger or a file does not know."""

    def submit(self, request: BlockRequest) -> JobId:
        """Submit one block.

        Raises:
            SubmitException: with ``transient`` telling whether trying again makes sense.
        """
        ...

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        """What the batch system says; a job that is absent from the mapping was not seen, which is not "gone"."""
        ...

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        """Ask for jobs to be ended; True where the batch system accepted."""
        ...

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        """Paths of a job's stdout and stderr, None where there is no such file."""
        ...

    def close(self) -> None:
        """Release what the session holds; jobs are not touched."""
        ...


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command on a channel ended. ``exit_code`` is negative for a signal."""

    exit_code: int
    stdout: str
    stderr: str


@runtime_checkable
class ChannelSession(Protocol):
    """A way to run commands and move files where the batch system is."""

    def run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> CommandResult:
        """Run a command; at ``timeout`` seconds its whole process group is killed and ChannelError is raised."""
        ...

    def push(self, local: Path, remote: PurePath) -> None:
        """Copy a local file there."""
        ...

    def pull(self, remote: PurePath, local: Path) -> None:
        """Copy a file from there."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class RemoteProcess(Protocol):
    """A command that goes on running on another machine; it ends when the connection does, or when it is closed."""

    @property
    def alive(self) -> bool:
        """Whether it runs and the connection to it stands, as far as is known; never waits."""
        ...

    def read_line(self, timeout: float) -> str:
        """The next line of its standard output, without its end.

        Args:
            timeout: Seconds it may take.

        Raises:
            ChannelError: it has ended (with what it wrote to its standard error), or said nothing for so long.
        """
        ...

    def close(self) -> None:
        """End it with everything in its process group, and release its pipes."""
        ...


@runtime_checkable
class RemoteChannelSession(ChannelSession, Protocol):
    """A channel to another machine, whose files are not this machine's. Every method may be called from any thread.

    ``run`` ends the process group of a command also when the connection is reset or frozen, or the command ends by
    itself a few seconds after its limit if it cannot be told. It connects again, within the limit, if the connection
    was lost before the command was sent; a command that was sent is never sent again. ``push`` and ``pull`` keep the
    mode and bring a file whole or not at all; their errors are FileCopyException.

    Attributes:
        host: The other machine, for messages.
    """

    host: str

    @property
    def folder(self) -> PurePosixPath:
        """The absolute folder there in which commands run and from which relative paths count; asked once."""
        ...

    def start(self, argv: Sequence[str]) -> RemoteProcess:
        """Start a command that goes on running; its standard input gives nothing and ends with the connection."""
        ...

    def forward(self, port: int) -> int:
        """Lead a port of the other machine's loopback to a port of this machine's, until the session is closed.

        The number stays the same when the connection is made again.

        Args:
            port: Who connects there comes to 127.0.0.1 and this port here.

        Returns:
            The port on 127.0.0.1 there.

        Raises:
            ChannelError: the other machine does not allow it.
        """
        ...


@runtime_checkable
class MonitoringSink(Protocol):
    """Where records go. Called by the records thread only, in batches."""

    def write(self, records: Sequence[Record]) -> None:
        """Take a batch; may be slow, never loses one."""
        ...

    def close(self) -> None:
        """Flush and release."""
        ...


@runtime_checkable
class Memo(Protocol):
    """Remembered results: key, lookup, attach, acknowledged remember. Called off the owner thread.

    Attributes:
        remembers_first: Whether the end of a task that is remembered is to wait for the acknowledgement.
        when_asked: To be called before a checkpoint that somebody asks for: brings the results that are on their way.
        wants_notes: Whether somebody is to keep the keys of calls that run.
    """

    remembers_first: bool
    wants_notes: bool
    when_asked: Callable[[], None] | None

    def key(self, task: Mapping[str, Any]) -> str | None:
        """The key under which this call would be remembered, or None if it is not to be."""
        ...

    def lookup(self, key: str) -> tuple[bool, Any]:
        """(True, value) if a result is remembered."""
        ...

    def attach(self, key: str, task: int) -> int | None:
        """The task in flight that computes the same key, or None after noting that ``task`` now does."""
        ...

    def release(self, key: str, task: int) -> None:
        """Note that ``task``, of which ``attach`` has been told, will not compute its key."""
        ...

    def remember(self, key: str, value: Any, acknowledge: Callable[[], None]) -> None:
        """Keep a result; ``acknowledge`` is called once it is as durable as promised."""
        ...

    def remember_all(self, keys: list[str], values: list[Any], tasks: list[int], acknowledge: Acknowledge) -> None:
        """Keep results; ``acknowledge`` is called with tasks whose results are as durable as promised."""
        ...

    def checkpoint(self, tasks: Sequence[int] | None = None) -> str | None:
        """Write what is not written yet, of all tasks or of some; returns the folder where it is, if there is one."""
        ...

    def catch_up(self, timeout: float) -> None:
        """Wait, for so many seconds at most, until what was handed over for writing has been acknowledged."""
        ...

    def close(self, patience: float = ...) -> None:
        """Write what is pending, for so many seconds at most, and release."""
        ...


class Clock(Protocol):
    """Where sessions take the time from, so that tests can give it."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch, for people to read."""
        ...


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Facts of a run that do not change.

    Attributes:
        run_id: A UUID as text.
        run_dir: The run's own directory, absolute, as text.
        started: Seconds since the epoch.
        argv: The program's command line.
    """

    run_id: str
    run_dir: str
    started: float
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunContext:
    """What an executor's session is opened with.

    Attributes:
        run: The run.
        label: The executor's label.
        directory: The executor's directory inside the run directory, already made.
        wake: Wakes the owner thread so that it pumps; cheap, callable from any thread.
        defer: Runs a function off the owner thread (one that unpickles, say) and feeds the events it returns.
        record: Takes a record for the records stream from any thread.
        clock: The time.
        reattachment: How its blocks are kept for the next driver; None if they end with this one.
    """

    run: RunInfo
    label: ExecutorLabel
    directory: str
    wake: Callable[[], None]
    defer: Callable[[Callable[[], Sequence[RawEvent]]], None]
    record: Callable[[Record], None]
    clock: Clock
    reattachment: Reattachment | None = None


@dataclass(frozen=True, slots=True)
class BlockContext:
    """What a provider's or channel's session is opened with.

    Attributes:
        run: The run.
        label: The executor the blocks are for.
        script_dir: Where submit scripts, their output and exit codes go, already made.
        clock: The time.
    """

    run: RunInfo
    label: ExecutorLabel
    script_dir: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run went: tasks by public state, retries by app, losses, and where the logs are.

    Attributes:
        states: Tasks by public state.
        retries: By app.
        losses: How often a task was lost with the place where it ran.
        seconds: How long the run has taken.
        run_dir: Where the logs are.
        notes: What went wrong, one sentence for each kind of trouble; empty if nothing did.
        troubles: The same as data: ``where``, ``kind``, ``count``, ``text``, ``since`` and ``last`` (seconds since the
            epoch, None where not known).
    """

    states: Mapping[str, int]
    retries: Mapping[str, int]
    losses: int
    seconds: float
    run_dir: str
    notes: tuple[str, ...] = ()
    troubles: tuple[Mapping[str, Any], ...] = ()
