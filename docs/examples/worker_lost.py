import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.errors import WorkerLost

executor = HighThroughputExecutor(label="htex", max_workers_per_node=1)


@python_app
def crash():
    import os

    print("about to crash", flush=True)
    os._exit(3)


@python_app
def healthy():
    return "the next task runs"


with parsl_like.load(Config(executors=[executor], retries=1)) as dfk:
    try:
        crash().result()
    except WorkerLost as error:
        print(error)
    print(healthy().result())
    print("retries:", dfk.summary().retries)
