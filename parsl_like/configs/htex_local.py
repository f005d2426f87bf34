"""Apps run on worker processes of this machine, one for each processor."""

from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="htex_local",
            cores_per_worker=1,
            provider=LocalProvider(init_blocks=1, max_blocks=1),
        )
    ],
)
