import parsl
from parsl import python_app

parsl.load()


# one task of the bag: a random number
@python_app
def app_random():
    import random

    return random.random()


results = []
for i in range(0, 10):
    x = app_random()
    results.append(x)

for r in results:
    print(r.result())

assert len(results) == 10 and all(0 <= r.result() < 1 for r in results)
