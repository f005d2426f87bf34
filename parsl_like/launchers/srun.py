"""The launcher for jobs of Slurm."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.base import Launcher
from parsl_like.launchers.text import after, in_bash, told


@spelled()
@dataclasses.dataclass
class SrunLauncher(Launcher):
    """Starts the command ``tasks_per_node`` times on each node with one ``srun`` (its manual: slurm.schedmd.com).

    The block's exit code is the highest of all copies. Lines that copies write bear the number of the copy, unless
    ``debug`` is False.

    Args:
        debug: Whether the block's output says what is started, and from which copy a line is.
        overrides: More words for srun, put behind those of the launcher, so that they win.
    """

    overrides: str = dataclasses.field(default="", metadata={"help": "More options for srun."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One step over the whole job."""
        line = (
            f"srun --nodes={nodes_per_block} --ntasks={tasks_per_node * nodes_per_block}"
            f" --ntasks-per-node={tasks_per_node}{' --label' if self.debug else ''}{after(self.overrides)}"
            f" {in_bash(command)}"
        )
        return told(line, "srun", tasks_per_node, nodes_per_block, debug=self.debug)
