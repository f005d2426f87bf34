"""The launcher for jobs on machines where ``mpiexec`` reaches all nodes."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.many_nodes import ManyNodesLauncher
from parsl_like.launchers.mpi import started_by_mpi
from parsl_like.launchers.text import BASH


@spelled()
@dataclasses.dataclass
class MpiExecLauncher(ManyNodesLauncher):
    """Starts the command ``tasks_per_node`` times on each node with one ``mpiexec``; its exit code is the block's.

    The nodes are those that the batch system names (PBS, Torque, Grid Engine, LSF, Slurm); elsewhere ``mpiexec`` has to
    know them: name them in ``overrides``, ``"--hostfile nodes"`` say, which is then all that it is told of nodes.

    Args:
        debug: Whether the block's output says what is started and how that ended.
        bind_cmd: The option that says to what copies are bound; they are bound to nothing, since a copy is a manager
            with workers on many processors. Cray's is ``--cpu-bind``. Empty: no such option is given.
        overrides: More words for mpiexec, put behind those of the launcher.
        start_timeout: Seconds in which all copies have to begin; None for no limit.
    """

    bind_cmd: str = dataclasses.field(
        default="--bind-to", metadata={"help": "The option by which mpiexec is told to bind copies to nothing."}
    )
    overrides: str = dataclasses.field(default="", metadata={"help": "More options for mpiexec."})

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One start over the whole job."""
        start = self.start_of("mpiexec", tasks_per_node, nodes_per_block)
        bind = f" {self.bind_cmd.strip()} none" if self.bind_cmd.strip() else ""
        return started_by_mpi(start, f"{bind} -n {start.copies}", command, overrides=self.overrides, bash=BASH)
