import subprocess
import sys

import parsl_like
from parsl_like import Config, python_app
from parsl_like.dataflow.memoization import BasicMemoizer


@python_app(cache=True)
def square(x):
    print("computing", x)
    return x * x


def config():
    return Config(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))


for numbers in (range(3), range(5)):
    with parsl_like.load(config()):
        print([square(x).result() for x in numbers])

sys.stdout.flush()
subprocess.run([sys.executable, "-m", "parsl_like", "cache", "list"], check=True)
