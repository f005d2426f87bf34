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


# and each round of the loop waits for its first step
@python_app
def process(x):
    if x > 0:
        f = double(x)
    else:
        f = negate(x)
    return f


@python_app
def post_process(x):
    return str(x)


results = []
for x in range(-2, 3):
    f_outer = process(x)
    f_inner = f_outer.result()
    results.append(post_process(f_inner))
print([result.result() for result in results])
