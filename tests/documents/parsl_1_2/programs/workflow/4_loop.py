import parsl
from parsl import python_app

parsl.load()


@python_app
def generate(limit):
    from random import randint

    return randint(1, limit)


rand_nums = []
for i in range(1, 5):
    rand_nums.append(generate(i))

# here all of them have ended
outputs = [r.result() for r in rand_nums]
print(outputs)

assert len(outputs) == 4 and outputs[0] == 1
assert all(1 <= number <= limit for limit, number in enumerate(outputs, 1))
