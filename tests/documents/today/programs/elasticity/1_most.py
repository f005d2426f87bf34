from math import ceil

import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

workers_per_node, nodes_per_block, max_blocks, num_tasks = 1, 1, 2, 3


@python_app
def place(seconds):
    import os
    import time

    time.sleep(seconds)
    return os.environ["PARSL_WORKER_BLOCK_ID"]


if __name__ == "__main__":
    provider = LocalProvider(
        nodes_per_block=nodes_per_block, init_blocks=0, min_blocks=0, max_blocks=max_blocks, parallelism=1
    )
    executor = HighThroughputExecutor(max_workers_per_node=workers_per_node, cores_per_worker=0.1, provider=provider)
    blocks = min(max_blocks, ceil(num_tasks / (workers_per_node * nodes_per_block)))
    with parsl.load(Config(executors=[executor], strategy_period=1)):
        used = set()
        while len(used) < blocks:  # tasks may end before the second block is there
            used |= {future.result() for future in [place(0.3) for _ in range(num_tasks)]}
    print(len(used), blocks)
