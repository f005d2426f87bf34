import os
import time

import parsl
from parsl import Config, python_app
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import ThreadPoolExecutor

config = Config(
    executors=[ThreadPoolExecutor()],
    memoizer=BasicMemoizer(checkpoint_mode="periodic", checkpoint_period="00:00:01"),
)


@python_app(cache=True)
def cube(x):
    return x**3


with parsl.load(config) as dfk:
    print(cube(3).result())
    path = os.path.join(dfk.run_dir, "checkpoint", "tasks.pkl")
    deadline = time.monotonic() + 20
    while not (os.path.exists(path) and os.path.getsize(path)):
        assert time.monotonic() < deadline, "no checkpoint was written while the program ran"
        time.sleep(0.1)
