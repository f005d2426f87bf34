"""The launcher for jobs of Slurm."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.many_nodes import ManyNodesLauncher
from parsl_like.launchers.srun_text import BIND_TO_NOTHING, COPY, OPTIONS, STEP_WORDS, step_with_cores
from parsl_like.launchers.text import after


@spelled()
@dataclasses.dataclass
class SrunLauncher(ManyNodesLauncher):
    """Starts the command ``tasks_per_node`` times on each node with one ``srun``.

    The block's exit code is the highest of all copies. Lines that copies write bear the number of the copy, unless
    ``debug`` is False. The step has all processors and all the memory that the job has on a node, and shares them with
    steps that tasks start. A single copy on a node is bound to nothing.

    Args:
        debug: Whether the block's output says what is started, and from which copy a line is.
        overrides: More words for srun, put behind those of the launcher, so that they win.
        start_timeout: Seconds in which all copies have to begin; None for no limit.
    """

    overrides: str = dataclasses.field(default="", metadata={"help": "More options for srun."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One step over the whole job."""
        start = self.start_of("srun", tasks_per_node, nodes_per_block)
        options = [
            f"--nodes={nodes_per_block} --ntasks={start.copies} --ntasks-per-node={tasks_per_node}",
            OPTIONS,
            STEP_WORDS,
            *([BIND_TO_NOTHING] if tasks_per_node == 1 else []),
            *(["--label"] if self.debug else []),
        ]
        line = f"srun {' '.join(options)}{after(self.overrides)} {COPY} {start.copy_of(command)}"
        return start.text(line, before=step_with_cores(tasks_per_node))
