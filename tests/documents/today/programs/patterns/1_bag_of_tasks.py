import parsl
from parsl import python_app

parsl.load()


@python_app
def throw():
    import random

    return random.uniform(0, 10)


thrown = []
for i in range(0, 12):
    thrown.append(throw())

for future in thrown:
    print(future.result())

assert all(0 <= future.result() <= 10 for future in thrown)
assert len({future.result() for future in thrown}) > 1, "tasks of one worker do not repeat each other"
