"""The command line that starts the manager of a node."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.options import ManagerOptions

MODULE = "parsl_like.executors.high_throughput.manager"

PLACE = "{options}"
"""Where in a user's ``launch_cmd`` the options go; without it they go to its end."""


def manager_command(options: ManagerOptions, *, launch_cmd: str | None = None, python: str | None = None) -> str:
    """One line for a POSIX shell; nothing in the options is expanded or split by it.

    Args:
        options: What the manager is told.
        launch_cmd: The user's own command, taken as it is; it has to end in this package's manager.
        python: The interpreter on the nodes; None for the one that runs here.
    """
    words = shlex.join(options.to_argv())
    if launch_cmd is None:
        return f"{shlex.join([python or sys.executable, '-m', MODULE])} {words}"
    return launch_cmd.replace(PLACE, words) if PLACE in launch_cmd else f"{launch_cmd} {words}"
