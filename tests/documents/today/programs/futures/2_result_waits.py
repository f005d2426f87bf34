import parsl
from parsl import python_app

parsl.load()


@python_app
def slow_square(x):
    import time

    time.sleep(0.5)
    return x * x


first = slow_square(3)
second = slow_square(4)
assert not first.done() and not second.done()
print(first.result() + second.result())
