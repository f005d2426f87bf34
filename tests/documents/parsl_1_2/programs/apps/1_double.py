import parsl
from parsl import python_app

parsl.load()


@python_app
def double(x):
    return x * 2


print(double(42).result())
