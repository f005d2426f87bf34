import os

import parsl
from parsl import Config, python_app
from parsl.dataflow.memoization import BasicMemoizer

memoizer = BasicMemoizer(checkpoint_mode="manual")
dfk = parsl.load(Config(memoizer=memoizer))


@python_app(cache=True)
def slow_cube(x, sleep_dur=0.1):
    import time

    time.sleep(sleep_dur)
    return x**3


N = 4
d = []
for i in range(0, N):
    d.append(slow_cube(i))
print([i.result() for i in d])

# one checkpoint of them all
memoizer.checkpoint()
assert os.path.getsize(os.path.join(dfk.run_dir, "checkpoint", "tasks.pkl")) > 0
