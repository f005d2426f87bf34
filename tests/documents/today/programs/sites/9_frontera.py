from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="frontera_htex",
            max_workers_per_node=1,
            provider=SlurmProvider(
                cmd_timeout=60,
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                partition="EXAMPLE",
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
assert executor.label == "frontera_htex" and isinstance(provider.launcher, SrunLauncher)
assert (provider.min_blocks, provider.nodes_per_block) == (1, 2)
