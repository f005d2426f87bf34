import parsl
from parsl import python_app

parsl.load()


@python_app
def largest_first_app(*args, **kwargs):
    import builtins

    return builtins.sorted(*args, reverse=True, **kwargs)


print(largest_first_app([2, -3, 1]).result(), largest_first_app([2, -3, 1], key=abs).result())
