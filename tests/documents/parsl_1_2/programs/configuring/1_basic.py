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
            max_workers=56,
            provider=SlurmProvider(
                channel=LocalChannel(),
                nodes_per_block=128,
                init_blocks=1,
                partition="normal",
                launcher=SrunLauncher(),
            ),
        )
    ],
)

(executor,) = config.executors
assert executor.max_workers == 56
assert (executor.provider.partition, executor.provider.nodes_per_block) == ("normal", 128)
assert isinstance(executor.provider.launcher, SrunLauncher)
assert isinstance(executor.provider.channel, LocalChannel)
