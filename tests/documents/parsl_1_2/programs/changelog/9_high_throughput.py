import parsl
from parsl import python_app
from parsl.channels import LocalChannel
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="htex_local",
            cores_per_worker=1,
            provider=LocalProvider(
                channel=LocalChannel(),
                init_blocks=1,
                max_blocks=1,
            ),
        )
    ],
)
parsl.load(config)


@python_app
def ranks():
    import os

    return int(os.environ["PARSL_WORKER_RANK"]), int(os.environ["PARSL_WORKER_COUNT"])


rank, count = ranks().result()
assert 0 <= rank < count
