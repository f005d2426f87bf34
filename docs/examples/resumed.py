import os
import signal
import subprocess
import sys

import parsl_like
from parsl_like import Config, python_app
from parsl_like.dataflow.memoization import BasicMemoizer


@python_app(cache=True)
def simulate(seed):
    print("simulating", seed, flush=True)
    return seed * seed


def job():
    with parsl_like.load(Config(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))) as dfk:
        for seed in range(4):
            print("result", simulate(seed).result(), flush=True)
            if seed == 1 and dfk.run_dir.endswith("000"):
                os.kill(os.getpid(), signal.SIGKILL)  # a crash, in the first run


if sys.argv[1:] == ["job"]:
    job()
else:
    for words in (["resumed.py", "job"], ["-m", "parsl_like", "resume"], ["-m", "parsl_like", "why", "1"]):
        subprocess.run([sys.executable, *words], stderr=subprocess.STDOUT, check=False)
