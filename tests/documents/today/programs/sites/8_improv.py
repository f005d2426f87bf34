from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiRunLauncher
from parsl.providers import PBSProProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Improv_multinode",
            max_workers_per_node=32,
            provider=PBSProProvider(
                account="my-account",
                queue="debug",
                worker_init="module load gcc; module load openmpi",
                launcher=MpiRunLauncher(overrides="--map-by core:OVERSUBSCRIBE"),
                walltime="0:10:00",
                nodes_per_block=2,
                cpus_per_node=128,
            ),
        )
    ],
)

launcher = config.executors[0].provider.launcher
assert "--map-by core:OVERSUBSCRIBE" in launcher("start-workers", 1, 2)
