from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import GridEngineProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="cc_in2p3_htex",
            max_workers_per_node=2,
            provider=GridEngineProvider(
                nodes_per_block=1,
                init_blocks=2,
                max_blocks=2,
                walltime="00:20:00",
                scheduler_options="",
                worker_init="",
            ),
        )
    ],
)

provider = config.executors[0].provider
assert (provider.init_blocks, provider.max_blocks, provider.walltime) == (2, 2, "00:20:00")
