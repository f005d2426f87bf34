"""The launcher for jobs on Cray machines with ALPS."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.base import Launcher
from parsl_like.launchers.text import after, in_bash, told


@spelled()
@dataclasses.dataclass
class AprunLauncher(Launcher):
    """Starts the command ``tasks_per_node`` times on each node with one ``aprun``; its exit code is the block's.

    Args:
        debug: Whether the block's output says what is started and how that ended.
        overrides: More words for aprun, put behind those of the launcher, so that they win.
    """

    overrides: str = dataclasses.field(default="", metadata={"help": "More options for aprun."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One application over the whole job."""
        copies = tasks_per_node * nodes_per_block
        line = f"aprun -n {copies} -N {tasks_per_node}{after(self.overrides)} {in_bash(command)}"
        return told(line, "aprun", tasks_per_node, nodes_per_block, debug=self.debug)
