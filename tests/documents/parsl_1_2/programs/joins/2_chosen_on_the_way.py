import parsl
from parsl import join_app, python_app

parsl.load()


@python_app
def pre_process():
    return 3


@python_app
def option_one(x):
    return x * 2


@python_app
def option_two(x):
    return (-x) * 2


@join_app
def process(x):
    if x > 0:
        return option_one(x)
    else:
        return option_two(x)


@python_app
def post_process(x):
    return str(x)


# here simple, though which app runs depends on a result
print(repr(post_process(process(pre_process())).result()))
