import parsl
from parsl import Config, python_app
from parsl.executors import WorkQueueExecutor


@python_app
def compute(x, parsl_resource_specification={"cores": 1, "memory": 1000, "disk": 1000}):
    return x * 2


if __name__ == "__main__":
    with parsl.load(Config(executors=[WorkQueueExecutor()])):
        spec = {"cores": 1, "memory": 500, "disk": 500}
        future = compute(5, parsl_resource_specification=spec)
        print(future.result())
