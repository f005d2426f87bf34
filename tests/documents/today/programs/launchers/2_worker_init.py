from parsl import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import SlurmProvider

# what a node needs before its workers start
config = Config(
    executors=[
        HighThroughputExecutor(
            provider=SlurmProvider(
                partition="debug",
                worker_init="conda activate /path/to/env; which python",
            ),
        )
    ],
)

assert "conda activate /path/to/env; which python" in config.executors[0].provider.worker_init
