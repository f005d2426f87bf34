from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import CobaltProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="ALCF_theta_local",
            provider=CobaltProvider(),
            worker_port_range=(50000, 55000),
            interchange_port_range=(50000, 55000),
        )
    ],
)

(executor,) = config.executors
assert tuple(executor.worker_port_range) == (50000, 55000)
assert tuple(executor.interchange_port_range) == (50000, 55000)
assert isinstance(executor.provider, CobaltProvider)
