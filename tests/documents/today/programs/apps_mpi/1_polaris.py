from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import MPIExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import PBSProProvider

config = Config(
    executors=[
        MPIExecutor(
            address=address_by_interface("lo"),
            max_workers_per_block=3,  # six nodes, two for each task
            provider=PBSProProvider(
                account="chemistry",
                worker_init="module load miniconda; source activate /lus/env",
                walltime="1:00:00",
                queue="debug",
                scheduler_options="#PBS -l filesystems=home:eagle:grand",
                launcher=SimpleLauncher(),
                select_options="ngpus=4",
                nodes_per_block=6,
                max_blocks=1,
                cpus_per_node=64,
            ),
        ),
    ]
)

(executor,) = config.executors
assert executor.max_workers_per_block == 3 and executor.mpi_launcher == "mpiexec"
assert executor.provider.nodes_per_block == 6 and executor.provider.account == "chemistry"
assert isinstance(executor.provider.launcher, SimpleLauncher)
assert executor.address == "127.0.0.1"
