import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

min_blocks, active_tasks = 0, 5


@python_app
def place():
    import os
    import time

    time.sleep(0.3)
    return os.environ["PARSL_WORKER_BLOCK_ID"]


if __name__ == "__main__":
    provider = LocalProvider(init_blocks=0, min_blocks=min_blocks, max_blocks=3, parallelism=0)
    executor = HighThroughputExecutor(max_workers_per_node=1, cores_per_worker=0.1, provider=provider)
    blocks = min_blocks if active_tasks == 0 else max(min_blocks, 1)
    with parsl.load(Config(executors=[executor], strategy_period=1)):
        used = {future.result() for future in [place() for _ in range(active_tasks)]}
    print(len(used), blocks)
