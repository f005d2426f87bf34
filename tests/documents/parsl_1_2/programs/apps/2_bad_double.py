import random

import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor

# right for Python, but no app for other computers
parsl.load(Config(executors=[ThreadPoolExecutor()]))

factor = 5


@python_app
def bad_double(x):
    return x * random.random() * factor


value = bad_double(42).result()
print(value)

assert 0 <= value < 42 * 5
