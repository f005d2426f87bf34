import parsl
from parsl import python_app

parsl.load()


@python_app
def draw(limit):
    """Draw a number."""
    from random import randint

    return randint(1, limit)


drawn = []
for i in range(1, 5):
    drawn.append(draw(i))

outputs = [future.result() for future in drawn]
print(outputs)
assert all(1 <= number <= limit for limit, number in enumerate(outputs, 1))
