import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor

# what was libsubmit.providers.local.local.Local is LocalProvider since libsubmit became a part of Parsl
from parsl.providers import LocalProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="local_htex",
            max_workers=2,
            provider=LocalProvider(
                min_blocks=1,
                init_blocks=1,
                max_blocks=2,
                nodes_per_block=1,
                parallelism=0.5,
            ),
        )
    ]
)
parsl.load(config)


@python_app
def work(number):
    return number


print(sorted(future.result() for future in [work(number) for number in range(9)]))
