import parsl
from parsl import python_app

parsl.load()

factor = 5


# this works on every executor
@python_app
def unambiguous(factor, x):
    import math

    return math.floor(x) * factor


print(unambiguous(factor, 8.5).result())
