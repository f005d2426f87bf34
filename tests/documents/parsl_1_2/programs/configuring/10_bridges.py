from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Bridges_HTEX_multinode",
            address=address_by_interface("lo"),  # ens3f0 there
            max_workers=1,
            provider=SlurmProvider(
                "YOUR_PARTITION_NAME",  # such as compute
                nodes_per_block=2,
                init_blocks=1,
                # a line such as #SBATCH --gres=gpu:type:n
                scheduler_options="",
                # what workers need first
                worker_init="",
                cmd_timeout=120,
                walltime="01:10:00",
                launcher=SrunLauncher(),
            ),
        )
    ]
)

provider = config.executors[0].provider
assert (provider.partition, provider.cmd_timeout, provider.init_blocks) == ("YOUR_PARTITION_NAME", 120, 1)
