import os
import stat
from typing import Dict

import parsl
from parsl import Config, File, bash_app
from parsl.executors import MPIExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

# stands for a cluster: two nodes, a launcher that starts one process, and a simulation
with open("nodes", "w") as f:
    f.write("node1\nnode2\n")
with open("mpiexec", "w") as f:
    f.write('#!/bin/bash\nwhile [[ "$1" == -* ]]; do shift 2; done\nexec "$@"\n')
with open("simulate", "w") as f:
    f.write('#!/bin/bash\necho "$PARSL_NUM_NODES nodes, $PARSL_NUM_RANKS ranks: $(cat "$2")"\n')
with open("in.file", "w") as f:
    f.write("water")
for name in ("mpiexec", "simulate"):
    os.chmod(name, stat.S_IRWXU)

provider = LocalProvider(
    worker_init=f"export PBS_NODEFILE={os.getcwd()}/nodes PATH={os.getcwd()}:$PATH",
    launcher=SimpleLauncher(),
)
parsl.load(Config(executors=[MPIExecutor(max_workers_per_block=1, mpi_launcher="mpiexec", provider=provider)]))


@bash_app
def simulate(infile: File, parsl_resource_specification: Dict, stdout="simulated.txt"):
    return f"$PARSL_MPI_PREFIX simulate -in {infile.filepath}"


spec = {"num_nodes": 1, "ranks_per_node": 2, "num_ranks": 2}
simulate(File("in.file"), parsl_resource_specification=spec).result()
with open("simulated.txt") as f:
    print(f.read())
