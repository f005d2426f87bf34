"""The launcher for jobs of LSF on machines with IBM's Job Step Manager."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.many_nodes import ManyNodesLauncher
from parsl_like.launchers.text import after


@spelled()
@dataclasses.dataclass
class JsrunLauncher(ManyNodesLauncher):
    """Starts the command with one ``jsrun``, each copy in a resource set of its own; its exit code is the block's.

    A resource set has one processor unless ``overrides`` says more: ``"-c ALL_CPUS -g ALL_GPUS"``.

    Args:
        debug: Whether the block's output says what is started and how that ended.
        overrides: More words for jsrun, put behind those of the launcher, so that they win.
        start_timeout: Seconds in which all copies have to begin; None for no limit.
    """

    overrides: str = dataclasses.field(default="", metadata={"help": "More options for jsrun."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One step with ``tasks_per_node`` resource sets on each host."""
        start = self.start_of("jsrun", tasks_per_node, nodes_per_block)
        options = f"-n {start.copies} -r {tasks_per_node}{after(self.overrides)}"
        return start.text(f"jsrun {options} {start.copy_of(command)}")
