from math import ceil

import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

workers_per_node, nodes_per_block, max_blocks = 1, 1, 2

# parallelism 1: as many blocks as there is work for
config = Config(
    executors=[
        HighThroughputExecutor(
            label="many",
            max_workers=workers_per_node,
            provider=LocalProvider(
                nodes_per_block=nodes_per_block, init_blocks=0, min_blocks=0, max_blocks=max_blocks, parallelism=1
            ),
        )
    ],
)
dfk = parsl.load(config)


@python_app
def place(seconds):
    import os
    import time

    time.sleep(seconds)
    return os.environ["PARSL_WORKER_BLOCK_ID"]


running_and_available_tasks = 3
blocks = min(max_blocks, ceil(running_and_available_tasks / (workers_per_node * nodes_per_block)))
used = set()
while len(used) < blocks:  # a block that starts late finds other tasks to run
    used |= {future.result() for future in [place(0.3) for _ in range(running_and_available_tasks)]}
assert len(used) == blocks == 2, used
