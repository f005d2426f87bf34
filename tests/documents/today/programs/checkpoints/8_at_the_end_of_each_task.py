import os
import pickle

import parsl
from parsl import Config, python_app
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import ThreadPoolExecutor

config = Config(executors=[ThreadPoolExecutor()], memoizer=BasicMemoizer(checkpoint_mode="task_exit"))


@python_app(cache=True)
def slow_cube(x):
    import time

    time.sleep(0.1)
    return x**3


with parsl.load(config) as dfk:
    d = []
    for i in range(5):
        d.append(slow_cube(i))
    print([d[i].result() for i in range(5)])
    path = os.path.join(dfk.run_dir, "checkpoint", "tasks.pkl")

found = []
with open(path, "rb") as f:
    while True:
        try:
            found.append(pickle.load(f))
        except EOFError:
            break
print(len(found))
