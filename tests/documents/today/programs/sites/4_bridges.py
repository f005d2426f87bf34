from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Bridges_HTEX",
            max_workers_per_node=1,
            provider=SlurmProvider(
                partition="RM",
                scheduler_options="#SBATCH --ntasks-per-node=2",
                worker_init="",
                nodes_per_block=1,
                init_blocks=1,
                min_blocks=0,
                max_blocks=1,
                walltime="00:30:00",
                cmd_timeout=60,
                launcher=SrunLauncher(),
            ),
        )
    ],
)

(executor,) = config.executors
provider = executor.provider
assert executor.label == "Bridges_HTEX" and isinstance(provider.launcher, SrunLauncher)
assert provider.partition == "RM" and provider.cmd_timeout == 60
