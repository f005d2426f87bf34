import parsl
from parsl import Config, python_app
from parsl.executors import ThreadPoolExecutor

parsl.load(Config(executors=[ThreadPoolExecutor(max_threads=4)]))


@python_app
def double(x):
    return x * 2


@python_app
def negate(x):
    return -x


# the result is the inner future
@python_app
def process(x):
    if x > 0:
        f = double(x)
    else:
        f = negate(x)
    return f


f_inner = process(4).result()
print(type(f_inner).__name__, f_inner.result())
