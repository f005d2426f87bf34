import os

import parsl
from parsl import Config, python_app
from parsl.dataflow.memoization import BasicMemoizer

memoizer = BasicMemoizer(checkpoint_mode="manual")
dfk = parsl.load(Config(memoizer=memoizer))


@python_app(cache=True)
def cube(x):
    return x**3


print(cube(3).result())
path = os.path.join(dfk.run_dir, "checkpoint", "tasks.pkl")
assert not os.path.exists(path) or not os.path.getsize(path)
memoizer.checkpoint()
assert os.path.getsize(path) > 0
