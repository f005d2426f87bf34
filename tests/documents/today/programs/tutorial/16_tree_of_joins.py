import parsl
from parsl.app.app import join_app, python_app

parsl.load()


@python_app
def add(*args):
    """Their sum, 0 if there are none."""
    accumulator = 0
    for v in args:
        accumulator += v
    return accumulator


# Lucas numbers: 2, 1, 3, 4, 7, 11, 18, ...
@join_app
def lucas(n):
    if n == 0:
        return add(1, 1)
    elif n == 1:
        return add(1)
    else:
        return add(lucas(n - 1), lucas(n - 2))


print(add().result(), lucas(7).result())
