import parsl
from parsl import python_app
from parsl.tests.configs.local_threads import config

parsl.load(config)


# no kernel is named: @App("python") of old is python_app since 1.0
@python_app
def double(x):
    return x * 2


fut = double(5)
print(fut.result())
