"""The launcher for jobs of Slurm whose tasks start MPI programs themselves."""

from __future__ import annotations

import dataclasses
from string import Template

from parsl_like.core.arguments import spelled
from parsl_like.launchers.many_nodes import ManyNodesLauncher
from parsl_like.launchers.srun_text import BIND_TO_NOTHING, COPY, OPTIONS, STEP_WORDS, shared_step
from parsl_like.launchers.text import after

_STEPS = Template("""\
parsl_like_pids=()
for ((parsl_like_copy = 0; parsl_like_copy < $copies; parsl_like_copy++)); do
    srun --nodes=1 --ntasks=1 --relative=$$((parsl_like_copy / $tasks)) $options $words &
    parsl_like_pids+=("$$!")
done""")


@spelled()
@dataclasses.dataclass
class SrunMPILauncher(ManyNodesLauncher):
    """Starts each copy of the command by a ``srun`` of its own, so that copies can start MPI programs side by side.

    Copies on one node share its processors, and leave them to the steps that their tasks start; Slurm gives each of
    those processors of its own. The block's exit code is that of a copy that failed, 0 if none has.

    Args:
        debug: Whether the block's output says what is started and how that ended.
        overrides: More words for each srun, put behind those of the launcher, so that they win.
        start_timeout: Seconds in which all copies have to begin; None for no limit.
    """

    overrides: str = dataclasses.field(default="", metadata={"help": "More options for each srun."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """As many steps as there are copies, side by side, each on the node whose turn it is."""
        start = self.start_of("srun", tasks_per_node, nodes_per_block)
        steps = _STEPS.substitute(
            copies=start.copies,
            tasks=tasks_per_node,
            options=f"{OPTIONS} {STEP_WORDS} {BIND_TO_NOTHING}{after(self.overrides)}",
            words=f"{COPY} {start.copy_of(command)}",
        )
        return start.several(steps, before=shared_step())
