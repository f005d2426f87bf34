from parsl.addresses import address_by_hostname
from parsl.channels import LocalChannel
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="frontera_htex",
            address=address_by_hostname(),
            max_workers=56,  # one for each core of a node
            provider=SlurmProvider(
                cmd_timeout=60,  # the scheduler there takes its time
                channel=LocalChannel(),
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                partition="normal",
                scheduler_options="#SBATCH -A YOUR_ACCOUNT",
                worker_init="source activate parsl_env",
                walltime="00:30:00",
                launcher=SrunLauncher(),
            ),
        )
    ],
)

provider = config.executors[0].provider
assert (provider.min_blocks, provider.max_blocks, provider.walltime) == (1, 1, "00:30:00")
