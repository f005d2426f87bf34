import parsl
from parsl import python_app

parsl.load()


@python_app
def successor(n):
    return n + 1


@python_app
def product(a, b):
    return a * b


# a call gives a future,
future = successor(8)
assert future.result() == 9

# and futures are arguments of other calls
left, right = successor(2), successor(4)
assert product(left, right).result() == 15
