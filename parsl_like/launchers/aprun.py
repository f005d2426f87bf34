"""The launcher for jobs on Cray machines with ALPS."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.many_nodes import ManyNodesLauncher
from parsl_like.launchers.text import after


@spelled()
@dataclasses.dataclass
class AprunLauncher(ManyNodesLauncher):
    """Starts the command ``tasks_per_node`` times on each node with one ``aprun``; its exit code is the block's.

    Copies are bound to nothing (``-cc none`` of aprun(1)), since a copy is a manager with workers on many processors.

    Args:
        debug: Whether the block's output says what is started and how that ended.
        overrides: More words for aprun, put behind those of the launcher, so that they win.
        start_timeout: Seconds in which all copies have to begin; None for no limit.
    """

    overrides: str = dataclasses.field(default="", metadata={"help": "More options for aprun."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One application over the whole job."""
        start = self.start_of("aprun", tasks_per_node, nodes_per_block)
        options = f"-n {start.copies} -N {tasks_per_node} -cc none{after(self.overrides)}"
        return start.text(f"aprun {options} {start.copy_of(command)}")
