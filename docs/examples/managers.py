import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app

executor = HighThroughputExecutor(label="htex", max_workers_per_node=1)


@python_app
def work():
    return "done"


with parsl_like.load(Config(executors=[executor])) as dfk:
    print(work().result())
    session = dfk.executors["htex"]
    (manager,) = session.connected_managers()
    print("block", manager["block_id"], "workers", manager["worker_count"], "draining", manager["draining"])
    print("msgspec there:", session.connected_managers_packages()[manager["manager"]]["msgspec"])
    print("the description knows too:", executor.connected_workers())
    print("lost so far:", dfk.status()["executors"]["htex"]["lost"])
