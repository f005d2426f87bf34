from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="htex",
            provider=SlurmProvider(),
            worker_port_range=(50000, 55000),
            interchange_port_range=(50000, 55000),
        )
    ],
)
(executor,) = config.executors
assert tuple(executor.worker_port_range) == tuple(executor.interchange_port_range) == (50000, 55000)
