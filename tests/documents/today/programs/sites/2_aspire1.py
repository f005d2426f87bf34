from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiRunLauncher
from parsl.providers import PBSProProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="hpc_cluster",
            heartbeat_period=15,
            heartbeat_threshold=120,
            worker_debug=True,
            max_workers_per_node=4,
            address=address_by_interface("lo"),
            provider=PBSProProvider(
                launcher=MpiRunLauncher(),
                scheduler_options="#PBS -P my-project\n#PBS -J 1-2",  # an array of jobs
                worker_init="module load miniconda",
                walltime="24:00:00",
                nodes_per_block=3,
                min_blocks=3,
                max_blocks=5,
                cpus_per_node=24,
            ),
        )
    ],
    strategy="simple",
    retries=3,
)

(executor,) = config.executors
assert (executor.heartbeat_period, executor.heartbeat_threshold) == (15, 120)
assert executor.provider.cpus_per_node == 24 and "#PBS -J 1-2" in executor.provider.scheduler_options
assert "mpirun" in executor.provider.launcher("start-workers", 1, 3)
