"""The launcher for jobs of Slurm whose tasks start MPI programs themselves."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.base import Launcher
from parsl_like.launchers.single_node import SingleNodeLauncher
from parsl_like.launchers.text import after, in_bash


@spelled()
@dataclasses.dataclass
class SrunMPILauncher(Launcher):
    """Starts each copy of the command by a ``srun`` of its own, so that copies can start MPI programs side by side.

    Each copy has a step with its own share of a node's processors. The block's exit code is that of a copy that failed,
    0 if none has.

    Args:
        debug: Whether the block's output says how many copies were started and how many failed.
        overrides: More words for each srun, put behind those of the launcher, so that they win.
    """

    overrides: str = dataclasses.field(default="", metadata={"help": "More options for each srun."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """As many steps as there are copies, side by side."""
        share = f"$((SLURM_CPUS_ON_NODE > {tasks_per_node} ? SLURM_CPUS_ON_NODE / {tasks_per_node} : 1))"
        step = (
            f'srun --nodes=1 --ntasks=1 --exclusive ${{SLURM_CPUS_ON_NODE:+"--cpus-per-task={share}"}}'
            f"{after(self.overrides)} {in_bash(command)}"
        )
        copies = SingleNodeLauncher(debug=self.debug, fail_on_any=True)
        return copies.wrap(step, tasks_per_node * nodes_per_block, 1)
