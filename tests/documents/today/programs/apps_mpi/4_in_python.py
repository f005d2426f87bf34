import os
import stat
from typing import Dict

import parsl
from parsl import Config, File, python_app
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


@python_app
def simulate(infile: File, parsl_resource_specification: Dict):
    import os
    from subprocess import run

    with open("stdout.txt", "w") as fp, open("stderr.txt", "w") as fe:
        command = os.environ["PARSL_MPI_PREFIX"].split() + ["simulate", "-in", infile.filepath]
        proc = run(command, stdout=fp, stderr=fe)
        return proc.returncode, os.path.abspath(fp.name)


spec = {"num_nodes": 2, "ranks_per_node": 1, "num_ranks": 2}
code, path = simulate(File("in.file"), parsl_resource_specification=spec).result()
with open(path) as f:
    print(code, f.read())
