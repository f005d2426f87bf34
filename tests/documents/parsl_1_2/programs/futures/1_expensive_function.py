import parsl
from parsl import python_app

parsl.load()


@python_app
def expensive_function(x):
    return x * x


v1 = expensive_function(1)
v2 = expensive_function(2)
result = v1.result() + v2.result()
print(result)
