import os

import parsl
from parsl import Config, python_app
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import ThreadPoolExecutor

# results are written when the run ends
config = Config(executors=[ThreadPoolExecutor()], memoizer=BasicMemoizer(checkpoint_mode="dfk_exit"))


@python_app(cache=True)
def cube(x):
    return x**3


with parsl.load(config) as dfk:
    print(cube(3).result())
    run_dir = dfk.run_dir

assert os.path.getsize(os.path.join(run_dir, "checkpoint", "tasks.pkl")) > 0
