"""A batch system as data: nodes, a queue, jobs and their history. Times and news come in, effects go out.

Nothing here knows how a command is spelled: that is for the modules of the flavours. Nothing here touches a process:
that is for the server, which carries out the effects and tells what became of them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TERM, KILL = 15, 9


class Phase(enum.Enum):
    HELD = "held"
    PENDING = "pending"
    RUNNING = "running"
    ENDING = "ending"
    """It was told to end, and some of it still runs."""
    BROKEN = "broken"
    """It could not be started, and waits for somebody to look (Grid Engine's error state, HTCondor's hold)."""
    DONE = "done"


class Fate(enum.Enum):
    """Why a job is over, or about to be."""

    NONE = "none"
    EXIT = "exit"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    NODE_LOST = "node lost"
    NOT_STARTED = "not started"


@dataclass
class Queue:
    """Where jobs wait.

    Attributes:
        up: Whether jobs of it start.
        longest: The longest walltime of a job that starts, in seconds.
    """

    up: bool = True
    longest: float = float("inf")


@dataclass
class Node:
    """A machine.

    Attributes:
        slots: How many slots it has.
        up: Whether it can be reached.
        lost_at: When it could not any more.
    """

    slots: int
    up: bool = True
    lost_at: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """What a submission asks for.

    Attributes:
        name: The job's name.
        owner: Whose it is.
        queue: Where it waits.
        nodes: How many nodes it needs.
        slots: How many slots it needs on each; 0 for all of them.
        walltime: How long it may run, in seconds; infinity for as long as it likes.
        script: The script, as it was when the job was submitted.
        stdout: Where its output goes.
        stderr: Where its complaints go; the same path for both in one.
        folder: Where it starts.
        submitted_from: Where its submitter was.
        environment: Its variables, but for those that say what it got.
        arguments: Of the script.
        held: Whether it is to wait until it is released.
        requeue: Whether it may start again after its node was lost.
        words: The submission, for those who print it.
        comment: What else is to be kept of it, for the flavour.
    """

    name: str
    owner: str
    queue: str
    nodes: int = 1
    slots: int = 0
    walltime: float = float("inf")
    script: str = ""
    stdout: str = "/dev/null"
    stderr: str = "/dev/null"
    folder: str = "/"
    submitted_from: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    held: bool = False
    requeue: bool = True
    words: tuple[str, ...] = ()
    comment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """A job, from its submission until it is forgotten.

    Attributes:
        number: Its number.
        wanted: What was asked for.
        phase: Where it is in its life.
        fate: Why it ended, or is about to.
        nodes: Where it runs, or ran.
        submitted: When it was submitted (seconds since the epoch, as all times).
        began: When it last started.
        ended: When it was over.
        told: When it was told to end.
        killed: Whether it was killed after that.
        exit_code: Of its script, None if a signal ended it or it never ran.
        signal: Which ended it; 0 for none.
        starts: How often it was started.
        begins: It does not start before this time.
        stragglers: How many of its processes outlived its script, and were killed.
        trouble: Why it could not be started.
    """

    number: int
    wanted: Wanted
    phase: Phase
    submitted: float
    fate: Fate = Fate.NONE
    nodes: tuple[str, ...] = ()
    began: float = 0.0
    ended: float = 0.0
    told: float = 0.0
    killed: bool = False
    exit_code: int | None = None
    signal: int = 0
    starts: int = 0
    begins: float = 0.0
    stragglers: int = 0
    trouble: str = ""

    @property
    def active(self) -> bool:
        return self.phase in (Phase.RUNNING, Phase.ENDING)

    @property
    def waiting(self) -> bool:
        return self.phase in (Phase.HELD, Phase.PENDING, Phase.BROKEN)

    @property
    def over(self) -> bool:
        return self.phase is Phase.DONE


@dataclass(frozen=True)
class Start:
    """The job's script is to be run."""

    job: Job


@dataclass(frozen=True)
class Signal:
    """All processes of a start of a job are to get a signal."""

    number: int
    starts: int
    signal: int


Effect = Start | Signal


@dataclass
class Settings:
    """How a cluster is. What a real one needs minutes for takes seconds here.

    Attributes:
        flavour: Whose commands it understands.
        nodes: How many nodes it has.
        slots: Slots of each.
        queues: Its queues; the first is the default one.
        server: The name of its server.
        history: Seconds for which jobs that are over are remembered.
        accounting: Whether there is an accounting of jobs that are over.
        accounting_delay: Seconds until the accounting knows of them.
        kill_wait: Seconds between telling a job to end and killing it.
        kills_at_once: Whether jobs are not told first.
        node_timeout: Seconds after which a node that cannot be reached is given up.
        gives_up_nodes: Whether jobs of such a node are, too.
        requeue_wait: Seconds that a job waits when it was put back into the queue.
        timeout_signal: By which a job is told that its walltime is over.
        minute: Seconds of a minute of walltime, for systems that know nothing smaller.
    """

    flavour: str = "slurm"
    nodes: int = 4
    slots: int = 2
    queues: dict[str, Queue] = field(default_factory=lambda: {"main": Queue()})
    server: str = "fake"
    history: float = 300.0
    accounting: bool = True
    accounting_delay: float = 0.0
    kill_wait: float = 2.0
    kills_at_once: bool = False
    node_timeout: float = 1.0
    gives_up_nodes: bool = True
    requeue_wait: float = 1.0
    timeout_signal: int = TERM
    minute: float = 60.0

    @property
    def default_queue(self) -> str:
        return next(iter(self.queues))


class Cluster:
    """All there is; its effects wait in ``effects`` until somebody takes them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.nodes = {f"n{number}": Node(settings.slots) for number in range(1, settings.nodes + 1)}
        self.jobs: dict[int, Job] = {}
        self.archive: dict[int, Job] = {}
        self.next_number = 1
        self.effects: list[Effect] = []

    def take_effects(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        return effects

    # --- what users do

    def submit(self, wanted: Wanted, now: float) -> Job:
        job = Job(self.next_number, wanted, Phase.HELD if wanted.held else Phase.PENDING, submitted=now)
        self.next_number += 1
        self.jobs[job.number] = job
        return job

    def cancel(self, job: Job, now: float) -> None:
        if job.waiting:
            self._over(job, Fate.CANCELLED, now)
        elif job.phase is Phase.RUNNING:
            self._tell(job, Fate.CANCELLED, now)
            if not self.reachable(job) and self.settings.gives_up_nodes:
                self._over(job, Fate.CANCELLED, now)

    def signal(self, job: Job, number: int) -> None:
        """Send all processes of a job a signal, if its nodes can be reached."""
        if job.active and self.reachable(job):
            self.effects.append(Signal(job.number, job.starts, number))

    def kill(self, job: Job, now: float) -> None:
        """End a job that runs without telling it first."""
        if job.active:
            job.fate = Fate.CANCELLED if job.phase is Phase.RUNNING else job.fate
            job.phase, job.told, job.killed = Phase.ENDING, now, True
            self.signal(job, KILL)

    def abandon(self, job: Job, now: float) -> None:
        """Take a job for over, whatever still runs of it."""
        if not job.over:
            self._over(job, Fate.CANCELLED, now)

    def hold(self, job: Job) -> bool:
        if job.phase is Phase.PENDING:
            job.phase = Phase.HELD
        return job.phase is Phase.HELD

    def release(self, job: Job) -> bool:
        if job.phase in (Phase.HELD, Phase.BROKEN):
            job.phase, job.trouble = Phase.PENDING, ""
        return job.waiting

    def requeue(self, job: Job, now: float) -> bool:
        """Put a job that runs back into the queue, under its number."""
        if not job.active:
            return False
        self.signal(job, KILL)
        self._wait_again(job, now)
        return True

    # --- what happens

    def lose_node(self, name: str, now: float) -> None:
        node = self.nodes[name]
        node.up, node.lost_at = False, now

    def restore_node(self, name: str) -> None:
        self.nodes[name].up = True

    def script_ended(self, job: Job, starts: int, code: int, now: float, stragglers: int = 0) -> None:
        """The script of a job has ended; a negative code is a signal. News of an earlier start is none."""
        if not job.active or job.starts != starts or not self.reachable(job):
            return
        job.stragglers += stragglers
        job.exit_code, job.signal = (code, 0) if code >= 0 else (None, -code)
        self._over(job, Fate.EXIT if job.fate is Fate.NONE else job.fate, now)

    def not_started(self, job: Job, trouble: str, now: float) -> None:
        """A job's script could not be run."""
        job.trouble = trouble
        if self.settings.flavour in ("grid_engine", "condor"):
            job.phase, job.nodes = Phase.BROKEN, ()
        else:
            self._over(job, Fate.NOT_STARTED, now)

    def tick(self, now: float) -> None:
        """Start, tell, kill and forget whatever is due."""
        for job in list(self.jobs.values()):
            if job.phase is Phase.RUNNING and now >= job.began + job.wanted.walltime:
                self._tell(job, Fate.TIMEOUT, now)
            if job.phase is Phase.ENDING and not job.killed and now >= job.told + self.settings.kill_wait:
                job.killed = True
                self.signal(job, KILL)
            if job.active and not self.reachable(job):
                self._give_up_if_due(job, now)
            if job.over and now >= job.ended + self.settings.history:
                self.archive[job.number] = self.jobs.pop(job.number)
        for job in self.jobs.values():
            if job.phase is Phase.PENDING and now >= job.begins and self.why_waiting(job) is None:
                self._start(job, now)

    def next_due(self, now: float) -> float:
        """When something happens next although nobody does anything."""
        due = [now + 60.0]
        for job in self.jobs.values():
            if job.phase is Phase.RUNNING:
                due.append(job.began + job.wanted.walltime)
            if job.phase is Phase.ENDING and not job.killed:
                due.append(job.told + self.settings.kill_wait)
            if job.active and not self.reachable(job) and self.settings.gives_up_nodes:
                due.append(self._lost_at(job) + self.settings.node_timeout)
            if job.over:
                due.append(job.ended + self.settings.history)
            if job.phase is Phase.PENDING and job.begins > now:
                due.append(job.begins)
        return min(due)

    # --- what can be said of a job

    def why_waiting(self, job: Job) -> str | None:
        """What keeps a job from starting: ``queue``, ``walltime``, ``size``, ``room``; None if nothing does."""
        queue = self.settings.queues[job.wanted.queue]
        if not queue.up:
            return "queue"
        if job.wanted.walltime > queue.longest:
            return "walltime"
        if job.wanted.nodes > len(self.nodes) or job.wanted.slots > self.settings.slots:
            return "size"
        return None if len(self._room(job)) >= job.wanted.nodes else "room"

    def slots_of(self, job: Job) -> int:
        """How many slots it has, or would have, on each node."""
        return job.wanted.slots or self.settings.slots

    def reachable(self, job: Job) -> bool:
        """Whether all its nodes answer."""
        return all(self.nodes[name].up for name in job.nodes)

    def find(self, numbers: Iterable[int]) -> list[Job]:
        return [self.jobs[number] for number in numbers if number in self.jobs]

    # --- inside

    def _room(self, job: Job) -> list[str]:
        free = {name: node.slots for name, node in self.nodes.items() if node.up}
        for other in self.jobs.values():
            for name in other.nodes if other.active else ():
                if name in free:
                    free[name] -= self.slots_of(other)
        return [name for name, slots in free.items() if slots >= self.slots_of(job)]

    def _start(self, job: Job, now: float) -> None:
        job.nodes = tuple(self._room(job)[: job.wanted.nodes])
        job.phase, job.began, job.fate = Phase.RUNNING, now, Fate.NONE
        job.starts += 1
        self.effects.append(Start(job))

    def _tell(self, job: Job, fate: Fate, now: float) -> None:
        job.phase, job.fate, job.told = Phase.ENDING, fate, now
        job.killed = self.settings.kills_at_once
        first = self.settings.timeout_signal if fate is Fate.TIMEOUT else TERM
        self.signal(job, KILL if job.killed else first)

    def _over(self, job: Job, fate: Fate, now: float) -> None:
        job.phase, job.fate, job.ended = Phase.DONE, fate, now

    def _wait_again(self, job: Job, now: float) -> None:
        job.phase, job.nodes, job.fate, job.killed = Phase.PENDING, (), Fate.NONE, False
        job.begins = now + self.settings.requeue_wait

    def _lost_at(self, job: Job) -> float:
        return max(self.nodes[name].lost_at for name in job.nodes if not self.nodes[name].up)

    def _give_up_if_due(self, job: Job, now: float) -> None:
        if not self.settings.gives_up_nodes or now < self._lost_at(job) + self.settings.node_timeout:
            return
        if job.wanted.requeue and job.phase is Phase.RUNNING:
            self._wait_again(job, now)
        else:
            self._over(job, Fate.NODE_LOST, now)
