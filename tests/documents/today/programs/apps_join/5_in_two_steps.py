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


# so the value of the inner one takes two steps
@python_app
def process(x):
    if x > 0:
        f = double(x)
    else:
        f = negate(x)
    return f


@python_app
def seven():
    return 7


@python_app
def post_process(x):
    return str(x)


f_outer = process(seven())
f_inner = f_outer.result()
result = post_process(f_inner)
print(repr(result.result()))
