import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor


@python_app(executors=["frontera_htex"])
def single_threaded_task(x: int):
    import os

    return x * 3, os.getpid()


if __name__ == "__main__":
    import os

    executors = [ThreadPoolExecutor(label="login"), HighThroughputExecutor(label="frontera_htex")]
    with parsl.load(Config(executors=executors)):
        for x in range(5):
            tripled, process = single_threaded_task(x).result()
            assert tripled == 3 * x and process != os.getpid()
