import parsl
from parsl import python_app

parsl.load()


@python_app
def sleep_and_add(x, foo_1, foo_2):
    import time

    time.sleep(0.3)
    return x + 1


x = sleep_and_add(1, None, None)
y = sleep_and_add(2, None, None)

# waits for both, and uses neither
z = sleep_and_add(10, x, y)
print(z.result(), x.done(), y.done())
