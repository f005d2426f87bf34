import parsl
from parsl import python_app

parsl.load()

factor = 5


@python_app
def good_double(factor, x):
    import random

    return x * random.random() * factor


value = good_double(factor, 42).result()
print(value)

assert 0 <= value < 42 * 5
