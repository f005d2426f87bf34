"""The command line that starts the manager of a node."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.launch_template import DEFAULT, filled

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.options import ManagerOptions

MODULE = "parsl_like.executors.high_throughput.manager"


def manager_command(
    options: ManagerOptions, *, launch_cmd: str | None = None, python: str | None = None, nodes_per_block: int = 1
) -> str:
    """One line for a POSIX shell; nothing in the options is expanded or split by it.

    Args:
        options: What the manager is told.
        launch_cmd: The user's own command, whose places are filled; it has to end in this package's manager. None or
            the default for one that finds this package wherever it is.
        python: The interpreter on the nodes; None for the one that runs here.
        nodes_per_block: Nodes in each block.
    """
    if launch_cmd is None or launch_cmd == DEFAULT:
        return shlex.join([python or sys.executable, "-m", MODULE, *options.to_argv()])
    return filled(launch_cmd, options, nodes_per_block=nodes_per_block)
