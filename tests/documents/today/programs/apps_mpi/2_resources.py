import parsl
from parsl import Config, bash_app
from parsl.executors import MPIExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

resource_specification = {
    "num_nodes": 2,  # nodes of the task
    "ranks_per_node": 3,  # processes on each
    "num_ranks": 6,  # processes altogether
}


@bash_app
def facts(parsl_resource_specification=resource_specification, stdout="facts.txt"):
    return 'echo "$PARSL_NUM_NODES $PARSL_RANKS_PER_NODE $PARSL_NUM_RANKS $PARSL_MPI_NODELIST"'


if __name__ == "__main__":
    import os

    with open("nodes", "w") as f:
        f.write("node1\nnode2\n")
    provider = LocalProvider(worker_init=f"export PBS_NODEFILE={os.getcwd()}/nodes", launcher=SimpleLauncher())
    with parsl.load(Config(executors=[MPIExecutor(max_workers_per_block=1, provider=provider)])):
        facts().result()
    with open("facts.txt") as f:
        print(f.read())
