import os

import parsl
from parsl import python_app
from parsl.configs.local_threads import config

dfk = parsl.load(config)


@python_app(cache=True)
def slow_double(x, sleep_dur=1):
    import time

    time.sleep(sleep_dur)
    return x * 2


N = 5  # calls of slow_double
d = []
for i in range(0, N):
    d.append(slow_double(i, sleep_dur=0.1))

# results have to be there
[i.result() for i in d]

cpt_dir = dfk.checkpoint()
print(cpt_dir)

assert os.path.isdir(cpt_dir) and os.listdir(cpt_dir)
