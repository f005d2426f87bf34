import random

import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor

# on threads, names of the program are known to the app
parsl.load(Config(executors=[ThreadPoolExecutor()]))

factor = 5


@python_app
def ambiguous_double(x):
    return x * random.random() * factor


value = ambiguous_double(42).result()
print(value)

assert 0 <= value < 42 * 5
