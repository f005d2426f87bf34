import parsl
from parsl import python_app

parsl.load()


@python_app
def value(x):
    return x


# a name may be given another future; the last one counts
x = value(5)
x = value(6)
print(x.result())
