"""How a batch system is asked what it has, and what its answers mean: commands and pure functions over text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.core.ports import CommandResult
    from parsl_like.doctor.sightings import Queue
    from parsl_like.providers.dialect import Command


@dataclass(frozen=True, slots=True)
class Names:
    """A question whose answer is a set of names.

    Attributes:
        command: What to run.
        read: The names from what it printed.
    """

    command: Command
    read: Callable[[str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class BatchSystem:
    """One batch system, for questions about its queues. None stands for what it cannot be asked.

    Attributes:
        name: What it is called.
        word: What it calls a queue.
        field: The provider's field that names one.
        queues: The command that lists them; it fails if the batch system does not answer.
        read_queues: The queues from what that printed.
        accounts: The user's accounts.
        qualities: The qualities of service.
        hosts: The hosts of all its nodes.
        commands: The commands without which no block can be had, where the provider calls them by way of a shell.
    """

    name: str
    word: str
    field: str
    queues: Command
    read_queues: Callable[[str], tuple[Queue, ...]]
    accounts: Names | None = None
    qualities: Names | None = None
    hosts: Names | None = None
    commands: tuple[str, ...] = ()


def complaint(result: CommandResult) -> str:
    """What a command that failed has said."""
    words = result.stderr.strip() or result.stdout.strip() or "without a word"
    return f"{words[-500:]} (exit code {result.exit_code})"
