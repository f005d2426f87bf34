from concurrent.futures import Future

import parsl
from parsl import join_app, python_app

parsl.load()


@python_app
def inner():
    return "from within"


@join_app
def outer():
    x: Future = inner()
    return x  # the future; its value is the result


print(outer().result())
