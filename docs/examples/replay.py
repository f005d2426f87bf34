from pathlib import Path

import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.serialize import deserialize, unpack_call, unpack_function


@python_app
def ratio(a, b):
    return a / b


with parsl_like.load(Config(executors=[HighThroughputExecutor(max_workers_per_node=1)])) as dfk:
    print("the task:", repr(ratio(1, 0).exception()))

kept = deserialize(Path(dfk.run_dir, "failed", "task_000000.payload").read_bytes())
function = unpack_function(kept["function"])
args, kwargs = unpack_call(kept["body"], kept["buffers"])
print("its call:", kept["app"], args, kwargs)
try:
    function(*args, **kwargs)  # here, in this process, under a debugger if you like
except ZeroDivisionError as error:
    print("again:", repr(error))
