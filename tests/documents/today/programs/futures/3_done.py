import concurrent.futures

import parsl
from parsl import python_app

parsl.load()


@python_app
def square(x):
    return x * x


squared = square(11)
assert isinstance(squared, concurrent.futures.Future)
assert squared.done() in (False, True)  # it does not wait

concurrent.futures.wait([squared])
print(squared.done(), squared.exception(), squared.result())
