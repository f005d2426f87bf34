import parsl
from parsl import python_app


def expensive(number):
    return number**2


# one after the other,
v1 = expensive(3)
v2 = expensive(4)
print(v1 + v2)

# and side by side: the sum has to wait for both
parsl.load()
expensive = python_app(expensive)
v1 = expensive(3)
v2 = expensive(4)
print(v1.result() + v2.result())
