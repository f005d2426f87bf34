import parsl
from parsl import python_app

parsl.load()


@python_app
def wait_sleep_double(x, foo_1, foo_2):
    import time

    time.sleep(0.2)
    return x * 2


# the first two run side by side,
doubled_x = wait_sleep_double(10, None, None)
doubled_y = wait_sleep_double(10, None, None)

# the third waits for both, though it uses neither
doubled_z = wait_sleep_double(10, doubled_x, doubled_y)
print(doubled_z.result())
assert doubled_x.done() and doubled_y.done()
