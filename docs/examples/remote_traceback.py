import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app


@python_app
def mean(values):
    def divide(total, count):
        return total / count

    return divide(sum(values), len(values))


with parsl_like.load(Config(executors=[HighThroughputExecutor(max_workers_per_node=1)])):
    error = mean([]).exception()
    print("raised:", repr(error))
    print(error.__cause__)
