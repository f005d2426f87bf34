from parsl import Config, python_app
from parsl.concurrent import ParslPoolExecutor
from parsl.executors import HighThroughputExecutor

my_parsl_config = Config(executors=[HighThroughputExecutor(max_workers_per_node=1)])


def double(x):
    return 2 * x


@python_app
def size(x):
    return "large" if x > 9 else "small"


if __name__ == "__main__":
    with ParslPoolExecutor(config=my_parsl_config) as executor:
        future_1 = executor.submit(double, 3)
        print(size(future_1).result(), size(executor.submit(double, future_1)).result())
