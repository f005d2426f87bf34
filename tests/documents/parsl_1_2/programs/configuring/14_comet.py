from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Comet_HTEX_multinode",
            address=address_by_hostname(),
            worker_logdir_root="YOUR_LOGDIR_ON_COMET",
            max_workers=2,
            provider=SlurmProvider(
                "debug",
                launcher=SrunLauncher(),
                # a line such as #SBATCH --constraint=knl,quad,cache
                scheduler_options="",
                worker_init="",
                walltime="00:10:00",
                init_blocks=1,
                max_blocks=1,
                nodes_per_block=2,
            ),
        )
    ]
)

(executor,) = config.executors
assert executor.worker_logdir_root == "YOUR_LOGDIR_ON_COMET"
assert executor.provider.partition == "debug"
