from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

local_htex = Config(
    executors=[
        HighThroughputExecutor(
            label="htex_Local",
            worker_debug=True,
            cores_per_worker=1,
            provider=LocalProvider(
                init_blocks=1,
                max_blocks=1,
            ),
        )
    ],
    strategy=None,
)

(executor,) = local_htex.executors
assert executor.worker_debug is True and executor.cores_per_worker == 1
assert (executor.provider.init_blocks, executor.provider.max_blocks) == (1, 1)
