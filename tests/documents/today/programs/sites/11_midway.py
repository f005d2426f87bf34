from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Midway_HTEX_multinode",
            worker_debug=False,
            max_workers_per_node=2,
            provider=SlurmProvider(
                partition="broadwl",
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                scheduler_options="",
                worker_init="",
                walltime="00:30:00",
                launcher=SrunLauncher(),
            ),
        )
    ],
)

(executor,) = config.executors
provider = executor.provider
assert executor.label == "Midway_HTEX_multinode" and isinstance(provider.launcher, SrunLauncher)
assert provider.partition == "broadwl" and executor.max_workers_per_node == 2
