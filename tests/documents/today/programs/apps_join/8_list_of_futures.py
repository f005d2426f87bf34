import parsl
from parsl import join_app, python_app
from parsl.dataflow.errors import JoinError

parsl.load()


@python_app
def root(x):
    import math

    return math.sqrt(x)


@join_app
def roots(numbers):
    return [root(number) for number in numbers]


print(roots([4, 9, 16]).result(), roots([]).result())
error = roots([4, -1]).exception()
assert isinstance(error, JoinError), repr(error)
print([type(inner).__name__ for inner, _ in error.dependent_exceptions_tids])
