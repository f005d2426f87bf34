from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Expanse_CPU_Multinode",
            max_workers_per_node=32,
            provider=SlurmProvider(
                partition="compute",
                account="my-account",
                scheduler_options="",
                worker_init="module load cpu",
                walltime="01:00:00",
                init_blocks=1,
                max_blocks=1,
                nodes_per_block=2,
                launcher=SrunLauncher(),
            ),
        )
    ],
)

(executor,) = config.executors
provider = executor.provider
assert executor.label == "Expanse_CPU_Multinode" and isinstance(provider.launcher, SrunLauncher)
assert provider.account == "my-account" and provider.nodes_per_block == 2
