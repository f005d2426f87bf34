import parsl_like
from parsl_like import python_app


@python_app
def square(x):
    return x * x


with parsl_like.load("auto") as dfk:
    print([square(x).result() for x in range(5)])
    executor = dfk.config.executors[0]
    print(executor.label, "on blocks", executor.connected_blocks())
    print("workers:", executor.connected_workers())
