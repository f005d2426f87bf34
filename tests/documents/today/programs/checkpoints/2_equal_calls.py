import parsl
from parsl import python_app

parsl.load()


@python_app(cache=True)
def roll(least):
    import random

    return least + random.random()


x = 7
first = roll(x).result()

y = 7
assert roll(y).result() == first
assert roll(8).result() != first
