from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="frontera_htex",
            address=address_by_interface("lo"),
            max_workers_per_node=56,
            provider=SlurmProvider(
                partition="normal",
                nodes_per_block=128,
                init_blocks=1,
                launcher=SrunLauncher(),
            ),
        )
    ],
)

(executor,) = config.executors
assert (executor.label, executor.address, executor.max_workers_per_node) == ("frontera_htex", "127.0.0.1", 56)
assert executor.provider.partition == "normal"
assert executor.provider.nodes_per_block * executor.max_workers_per_node == 7168
assert "srun" in executor.provider.launcher("start-workers", 1, 128)
