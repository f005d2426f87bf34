import parsl
from parsl import python_app

parsl.load()


@python_app
def app_double(x):
    return x * 2


# this loop starts everything and does not wait,
fut_array = {}
for i in range(0, 5):
    fut_array[i] = app_double(i)

# this one then waits for one after the other
for i in range(0, 5):
    print(i, fut_array[i].result())
