import parsl
from parsl import python_app

parsl.load()


@python_app
def example(name):
    return "Hello {0}".format(name)


r = example("Bob")
print(r.result())
