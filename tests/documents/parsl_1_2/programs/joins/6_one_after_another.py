import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor

# apps start apps: this needs the threads of the program itself
parsl.load(Config(executors=[ThreadPoolExecutor(max_threads=4)]))


@python_app
def pre_process(x=3):
    return x


@python_app
def option_one(x):
    return x * 2


@python_app
def option_two(x):
    return (-x) * 2


@python_app
def post_process(x):
    return str(x)


@python_app
def process(x):
    if x > 0:
        f = option_one(x)
    else:
        f = option_two(x)
    return f


# in a loop, each turn waits for the one before
results = []
for x in (3, -1, 7):
    f_outer = process(pre_process(x))
    f_inner = f_outer.result()
    results.append(post_process(f_inner))
print([result.result() for result in results])
