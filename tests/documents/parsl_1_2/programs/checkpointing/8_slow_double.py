import os

import parsl
from parsl.app.app import python_app
from parsl.configs.local_threads import config

config.checkpoint_mode = "task_exit"
dfk = parsl.load(config)


@python_app(cache=True)
def slow_double(x):
    import time

    time.sleep(0.1)
    return x * 2


d = []
for i in range(5):
    d.append(slow_double(i))
print([d[i].result() for i in range(5)])

assert os.path.getsize(os.path.join(dfk.run_dir, "checkpoint", "tasks.pkl")) > 0
