import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor


@python_app(executors=["Cluster1"])
def simulate():
    import os

    return os.getpid()


@python_app(executors=["Desk"])
def show():
    import os

    return os.getpid()


if __name__ == "__main__":
    import os

    executors = [HighThroughputExecutor(label="Cluster1"), ThreadPoolExecutor(label="Desk")]
    with parsl.load(Config(executors=executors)):
        print(simulate().result() == os.getpid(), show().result() == os.getpid())
