import parsl
from parsl import Config, python_app

asked = []


def cost_of_failure(exception, task_record):
    asked.append((type(exception).__name__, task_record["func_name"], list(task_record["args"])))
    return 1


def broken_handler(exception, task_record):
    raise RuntimeError("the handler is confused")


@python_app
def confusing(which):
    raise LookupError(which)


with parsl.load(Config(retries=2, retry_handler=cost_of_failure)):
    print(repr(confusing("left").exception()))
    print(len(asked), asked[0])

# a handler that raises ends the task
with parsl.load(Config(retries=2, retry_handler=broken_handler)):
    print(repr(confusing("right").exception()))
