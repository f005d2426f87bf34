"""What probes saw, as values: of a batch system, of this machine's network and folders, of a test block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from parsl_like.core.job_states import JobState

NEEDED: Final = ("cloudpickle", "msgspec", "psutil", "pyzmq")
"""Packages without which no worker starts."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """Nodes that are alike.

    Attributes:
        nodes: How many there are.
        cores: Processors of each, None if not known.
        memory: MiB of memory of each, None if not known.
        features: What they are said to have.
        gres: Their generic resources, as the batch system writes them: ``gpu:a100:4``.
    """

    nodes: int
    cores: int | None = None
    memory: int | None = None
    features: frozenset[str] = frozenset()
    gres: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue or partition. None stands for what is not known, or has no limit.

    Attributes:
        name: Its name.
        open: Whether it takes jobs and starts them.
        state: The batch system's words about that.
        default: Whether jobs go there that name none.
        longest: Seconds that a job may run there.
        most_nodes: Nodes that one job may have there.
        usable: Nodes that are neither down nor drained.
        kinds: Its nodes.
    """

    name: str
    open: bool = True
    state: str = ""
    default: bool = False
    longest: int | None = None
    most_nodes: int | None = None
    usable: int | None = None
    kinds: tuple[NodeKind, ...] = ()

    @property
    def nodes(self) -> int | None:
        """Nodes it has, None if not known."""
        return sum(kind.nodes for kind in self.kinds) if self.kinds else None


@dataclass(frozen=True, slots=True)
class SeenSystem:
    """What a batch system says of itself.

    Attributes:
        commands: By name, where each of its commands is; None for one that is not on PATH.
        silence: Why it did not answer, in its own words; None if it did, or was not asked.
        queues: Its queues, None if not known.
        accounts: The user's accounts, None if not known.
        qualities: The qualities of service that there are, None if not known.
        here: Whether all of its nodes are this very machine.
    """

    commands: Mapping[str, str | None] = field(default_factory=dict)
    silence: str | None = None
    queues: tuple[Queue, ...] | None = None
    accounts: frozenset[str] | None = None
    qualities: frozenset[str] | None = None
    here: bool = False


@dataclass(frozen=True, slots=True)
class SeenNetwork:
    """Where an executor would listen for its managers.

    Attributes:
        addresses: The addresses of this machine.
        misplaced: Why the executor's own address cannot be listened at; None if it can, or if none was given.
        taken: Ports that were chosen and cannot be had, with the reason.
        free: How many ports of the range can be had, as far as was counted.
        wanted: How many of the range are needed.
    """

    addresses: tuple[str, ...] = ()
    misplaced: str | None = None
    taken: Mapping[int, str] = field(default_factory=dict)
    free: int = 0
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class SeenFolder:
    """A folder that there is, or that a run would make.

    Attributes:
        path: Its absolute path.
        trouble: Why it cannot be used, None if it can.
        advice: What to do about that.
        kind: The type of its file system, empty if not known.
        free: Bytes that are free there, None if not known.
    """

    path: str
    trouble: str | None = None
    advice: str = ""
    kind: str = ""
    free: int | None = None


@dataclass(frozen=True, slots=True)
class SeenScript:
    """What is said of the script of an executor's block.

    Attributes:
        malformed: What bash says of it, None if it can read it.
        refused: What the batch system says of it, None if it would take it or was not asked.
    """

    malformed: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class SeenNode:
    """What a test block saw on one node.

    Attributes:
        node: The node's name.
        python: The interpreter's version.
        executable: The interpreter.
        package: The version of this package there, None if it cannot be imported.
        package_trouble: Why not.
        packages: Versions of others there, None for one that is not installed.
        reached: For each address, why it cannot be reached; empty if it can.
        folder_trouble: Why what is in the run's folder here is not seen there; None if it is.
        ahead: Seconds by which the node's clock is ahead of this one's.
    """

    node: str
    python: str
    executable: str = ""
    package: str | None = None
    package_trouble: str = ""
    packages: Mapping[str, str | None] = field(default_factory=dict)
    reached: Mapping[str, str] = field(default_factory=dict)
    folder_trouble: str | None = None
    ahead: float = 0.0


@dataclass(frozen=True, slots=True)
class SeenBlock:
    """What became of a test block.

    Attributes:
        refused: Why it could not be submitted, None if it could.
        state: How its job ended, or what it last was.
        message: The batch system's words about that.
        hopeless: Why it can never start, None if it may, or has.
        exit_code: Its exit code, None if not known.
        seconds: How long it was waited for.
        wrote: The end of what it wrote.
        nodes: What each copy of what it ran saw on its node.
        expected: How many copies there should be, one for each node.
    """

    refused: str | None = None
    state: JobState = JobState.UNKNOWN
    message: str = ""
    hopeless: str | None = None
    exit_code: int | None = None
    seconds: float = 0.0
    wrote: str = ""
    nodes: tuple[SeenNode, ...] = ()
    expected: int = 1


@dataclass(frozen=True, slots=True)
class Here:
    """This side, to compare with.

    Attributes:
        python: The interpreter's version.
        package: The version of this package.
        packages: Versions of others, None for one that is not installed.
    """

    python: str
    package: str
    packages: Mapping[str, str | None] = field(default_factory=dict)
