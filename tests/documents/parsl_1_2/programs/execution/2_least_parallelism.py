import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

# parallelism 0: as few blocks as possible
#     if active_tasks == 0: blocks = min_blocks
#     else:                 blocks = max(min_blocks, 1)
config = Config(
    executors=[
        HighThroughputExecutor(
            label="few",
            max_workers=1,
            provider=LocalProvider(init_blocks=0, min_blocks=0, max_blocks=3, parallelism=0),
        )
    ],
)
dfk = parsl.load(config)


@python_app
def place():
    import os
    import time

    time.sleep(0.3)
    return os.environ["PARSL_WORKER_BLOCK_ID"]


blocks = {future.result() for future in [place() for _ in range(6)]}
assert len(blocks) == 1, blocks
