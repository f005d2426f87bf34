from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Illinois_cluster",
            worker_debug=False,
            cores_per_worker=16,  # one worker on each node
            provider=SlurmProvider(
                partition="secondary-fdr",
                nodes_per_block=2,
                init_blocks=1,
                max_blocks=1,
                scheduler_options="",
                worker_init="source activate my-env",
                walltime="01:30:00",
                launcher=SrunLauncher(),
            ),
        )
    ],
)

(executor,) = config.executors
provider = executor.provider
assert executor.label == "Illinois_cluster" and isinstance(provider.launcher, SrunLauncher)
assert executor.cores_per_worker == 16 and provider.walltime == "01:30:00"
