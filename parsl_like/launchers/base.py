"""What a launcher is, and the one way by which providers use whatever a user gave as one."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.errors import BadLauncher

if TYPE_CHECKING:
    from collections.abc import Callable

ARGUMENTS = ("command", "tasks_per_node", "nodes_per_block")


@spelled()
@dataclasses.dataclass
class Launcher(Description):
    """Multiplies a block's command over the block's nodes.

    A launcher is a value and a pure function: it turns a command line into shell text, the last part of a block's
    script. It starts nothing itself. Derive from it and write ``wrap``; a class made for Parsl, which has ``__call__``
    instead, works as it is.

    Args:
        debug: Whether the text says on its standard output what it starts and how that ended.
    """

    debug: bool = dataclasses.field(default=True, metadata={"help": "Say in the block's output what is started."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """The shell text that runs a command as often as it is wanted; its exit code is the block's.

        Args:
            command: A command line for bash.
            tasks_per_node: How many copies each node runs.
            nodes_per_block: How many nodes the block has.
        """
        raise BadLauncher(self, "its class defines neither wrap nor __call__")

    def __call__(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """The same as :meth:`wrap`, as Parsl's programs call it."""
        return self.wrap(command, tasks_per_node, nodes_per_block)


def check_launcher(launcher: object) -> None:
    """Refuse what cannot be called with a launcher's three arguments.

    Raises:
        BadLauncher: naming what was given and what a launcher takes.
    """
    if not callable(launcher):
        raise BadLauncher(launcher, "a launcher is an object of parsl_like.launchers or a function")
    try:
        signature = inspect.signature(launcher)
    except ValueError:  # a callable written in C that does not say what it takes
        return
    try:
        signature.bind("command", 1, 1)
    except TypeError as error:
        raise BadLauncher(launcher, f"it must take ({', '.join(ARGUMENTS)}): {error}") from error


def wrap_command(
    launcher: Callable[[str, int, int], str], command: str, tasks_per_node: int, nodes_per_block: int
) -> str:
    """What a launcher, or a user's function in its place, makes of a command.

    Raises:
        BadLauncher: it raised, or gave something that is not text; the cause is attached.
    """
    check_launcher(launcher)
    try:
        text = launcher(command, tasks_per_node, nodes_per_block)
    except BadLauncher:
        raise
    except Exception as error:  # a user's function runs here; whatever it raises is told as the launcher's fault
        raise BadLauncher(launcher, f"it raised {type(error).__name__}: {error}") from error
    if not isinstance(text, str):
        raise BadLauncher(launcher, f"it gave {text!r} in place of shell text")
    return text
