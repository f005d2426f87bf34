import subprocess
import sys

import parsl_like
from parsl_like import Config, python_app
from parsl_like.dataflow.memoization import BasicMemoizer

LIMIT = len(sys.argv)  # as if the program had been edited between its runs


@python_app(cache=True)
def simulate(x):
    return min(x, LIMIT)


def job():
    with parsl_like.load(Config(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))):
        print(simulate(7).result())


if sys.argv[1:]:
    job()
else:
    for words in (["edited.py", "a"], ["edited.py", "a", "b"], ["-m", "parsl_like", "why", "0"]):
        subprocess.run([sys.executable, *words], check=True)
