import parsl
from parsl import python_app

parsl.load()

factor = 5


@python_app
def good_double(x, f):
    import random

    return x * random.random() * f


value = good_double(42, factor).result()
print(value)

assert 0 <= value < 42 * 5
