import os

import parsl_like
from parsl_like import Config, HighThroughputExecutor, ThreadPoolExecutor, python_app

config = Config(
    executors=[
        ThreadPoolExecutor(label="threads", max_threads=8),
        HighThroughputExecutor(label="workers", max_workers_per_node=2),
    ]
)


@python_app(executors=["threads"])
def numbers(count):
    import os

    return {"values": list(range(count)), "process": os.getpid()}


@python_app(executors=["workers"])
def squares(values):
    import os

    return {"sum": sum(value * value for value in values), "process": os.getpid()}


with parsl_like.load(config):
    few = numbers(10)
    done = squares(few["values"])  # waits for the other task, on the other executor
    print("numbers ran in this process:", few.result()["process"] == os.getpid())
    print("squares ran in this process:", done.result()["process"] == os.getpid())
    print("sum:", done.result()["sum"])
