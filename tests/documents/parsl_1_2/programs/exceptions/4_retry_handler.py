import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor


def example_retry_handler(exception, task_record):
    costs.append((type(exception).__name__, task_record["func_name"], task_record["args"]))
    return 1


@python_app
def fails(reason):
    raise ValueError(reason)


for executor in (ThreadPoolExecutor(), HighThroughputExecutor(max_workers=1)):
    costs = []
    config = Config(executors=[executor], retries=2, retry_handler=example_retry_handler)
    parsl.load(config)
    print(repr(fails("no").exception()))
    assert [cost[:2] for cost in costs] == [("ValueError", "fails")] * 3, costs
    assert [list(cost[2]) for cost in costs] == [["no"]] * 3, costs
    parsl.dfk().cleanup()
    parsl.clear()
