import parsl
from parsl import python_app

parsl.load()


@python_app()
def square(x):
    return x * x


@python_app()
def sum_up(inputs=()):
    return sum(inputs)


squares = [square(x) for x in range(4)]
print(sum_up(inputs=squares).result(), sum_up().result())
