import math

import parsl
from parsl import python_app

parsl.load()

factor = 5


# Parsl promises only that this works on threads; elsewhere the app would not find ``math`` and ``factor``
@python_app
def ambiguous(x):
    return math.floor(x) * factor


print(ambiguous(8.5).result())
