import parsl
from parsl import join_app, python_app

parsl.load()


@python_app
def some_app():
    return 3


@join_app
def example():
    x = some_app()
    return x  # a future, not a value


# which becomes a value
print(example().result())
