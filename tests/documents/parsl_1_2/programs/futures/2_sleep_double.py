import parsl
from parsl import python_app

parsl.load()


@python_app
def sleep_double(x):
    import time

    time.sleep(0.2)
    return x * 2


# two at once
doubled_x1 = sleep_double(10)
doubled_x2 = sleep_double(5)

# result() waits for the app that belongs to the future
print(doubled_x1.result() + doubled_x2.result())
