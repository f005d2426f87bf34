from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider


def make_local_config(cores_per_worker: int = 1) -> Config:
    """A configuration for this machine

    Args:
        cores_per_worker: Cores for each task
    Returns:
        A new configuration
    """
    return Config(
        executors=[
            HighThroughputExecutor(
                label="htex_local",
                cores_per_worker=cores_per_worker,
                cpu_affinity="block",
                provider=LocalProvider(),
            )
        ],
    )
