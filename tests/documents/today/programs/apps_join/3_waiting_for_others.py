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


# apps can start others only where they share memory with the program; each that waits holds a thread
@python_app
def process(x):
    if x > 0:
        f = double(x)
    else:
        f = negate(x)
    return f.result()


print(process(4).result(), process(-4).result())
