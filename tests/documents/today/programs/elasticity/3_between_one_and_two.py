from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            max_workers_per_node=2,
            provider=SlurmProvider(
                min_blocks=1,
                init_blocks=1,
                max_blocks=2,
                nodes_per_block=1,
                parallelism=0.5,
            ),
        )
    ]
)

provider = config.executors[0].provider
assert (provider.min_blocks, provider.init_blocks, provider.max_blocks) == (1, 1, 2)
assert (provider.nodes_per_block, provider.parallelism) == (1, 0.5)
