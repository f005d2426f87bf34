from parsl.config import Config
from parsl.executors.threads import ThreadPoolExecutor

local_threads = Config(
    executors=[
        ThreadPoolExecutor(
            max_threads=8,
            label="local_threads",
        )
    ]
)

(executor,) = local_threads.executors
assert (executor.label, executor.max_threads) == ("local_threads", 8)
