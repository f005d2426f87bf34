import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor

config = Config(retries=1, executors=[HighThroughputExecutor(max_workers_per_node=2)])
parsl.load(config)


@python_app
def where():
    import os

    return os.getpid()


if __name__ == "__main__":
    import os

    assert where().result() != os.getpid(), "tasks run in processes of their own"
