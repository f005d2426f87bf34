import os

import parsl
from parsl.app.app import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.executors.threads import ThreadPoolExecutor

local_threads = Config(executors=[ThreadPoolExecutor(max_threads=8, label="local_threads")])
local_htex = Config(executors=[HighThroughputExecutor(label="htex_Local")], strategy=None)


@python_app
def process():
    import os

    return os.getpid()


parsl.load(local_threads)
assert process().result() == os.getpid()

# another configuration, in the same program
parsl.clear()
parsl.load(local_htex)
assert process().result() != os.getpid()
