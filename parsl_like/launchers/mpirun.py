"""The launcher for jobs on machines where ``mpirun`` reaches all nodes."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_word
from parsl_like.launchers.many_nodes import ManyNodesLauncher
from parsl_like.launchers.mpi import started_by_mpi
from parsl_like.launchers.text import BASH


@spelled()
@dataclasses.dataclass
class MpiRunLauncher(ManyNodesLauncher):
    """Starts the command ``tasks_per_node`` times on each node with one ``mpirun``; its exit code is the block's.

    The nodes are those that the batch system names (PBS, Torque, Grid Engine, LSF, Slurm); elsewhere ``mpirun`` has to
    know them, and it may fill one node before the next: ``overrides="--map-by ppr:1:node"`` of Open MPI, ``"-ppn 1"``
    of MPICH, spread copies evenly.

    Args:
        debug: Whether the block's output says what is started and how that ended.
        bash_location: Where bash is on the nodes.
        overrides: More words for mpirun, put behind those of the launcher.
        start_timeout: Seconds in which all copies have to begin; None for no limit.
    """

    bash_location: str = dataclasses.field(default=BASH, metadata={"help": "Where bash is on the nodes."})
    overrides: str = dataclasses.field(default="", metadata={"help": "More options for mpirun."})

    def check(self) -> None:
        """Refuse, in addition, a ``bash_location`` that is no path."""
        super().check()
        expect_word(self, "bash_location")

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One start over the whole job."""
        start = self.start_of("mpirun", tasks_per_node, nodes_per_block)
        options = f" -np {start.copies}"
        return started_by_mpi(start, options, command, overrides=self.overrides, bash=self.bash_location)
