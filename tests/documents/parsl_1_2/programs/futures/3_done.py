import os

import parsl
from parsl import python_app

parsl.load()


@python_app
def double(x, gate):
    import os
    import time

    while not os.path.exists(gate):
        time.sleep(0.01)
    return x * 2


# done() says how it stands, and does not wait
doubled_x = double(10, os.path.abspath("gate"))
print(doubled_x.done())

with open("gate", "w"):
    pass
doubled_x.result()
print(doubled_x.done())
