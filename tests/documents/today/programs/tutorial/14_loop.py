import parsl
from parsl.app.app import python_app

parsl.load()


@python_app
def roll(sides, delay):
    import time
    from random import randint

    time.sleep(delay)
    return randint(1, sides)


throws = []
for i in range(5):
    throws.append(roll(6, i / 10))

numbers = [throw.result() for throw in throws]
print(numbers)
assert len(numbers) == 5 and all(1 <= number <= 6 for number in numbers)
