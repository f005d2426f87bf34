"""A run with checkpoints, to be killed: says in its output how far it is, and in a file what it has done.

Words: the folder of all runs; the file; how many tasks; ``sync`` or ``async``; how long a task takes, in seconds.
The file has a line for each time that a task's function ran ("ran 7"), and one for each result that was seen ("seen
7"), in the order in which that happened. The phases said are load, run, checkpoint, cleanup; at the end the sum.
"""

from __future__ import annotations

import os
import sys
import time

from parsl_like import Config, python_app
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.executors import ThreadPoolExecutor

FOLDER, NOTES, TASKS, MODE, SECONDS = sys.argv[1:6]
notes = os.open(NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def say(word: object) -> None:
    """Write a line to the output at once."""
    os.write(1, f"{word}\n".encode())


def cube(x: int, seconds: float) -> list[int]:
    """What is remembered."""
    os.write(notes, b"ran %d\n" % x)
    time.sleep(seconds)
    return [x, x**3]


config = Config(
    executors=[ThreadPoolExecutor(max_threads=4)],
    memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
    checkpoint_sync=MODE == "sync",
    run_dir=FOLDER,
    initialize_logging=False,
)
say("load")
kernel = DataFlowKernel(config)
say("run")
app = python_app(cube, data_flow_kernel=kernel, cache=True, ignore_for_cache=["seconds"])
count = int(TASKS)
futures = [app(x, float(SECONDS)) for x in range(count)]
total = 0
for x, future in enumerate(futures):
    number, value = future.result()
    os.write(notes, b"seen %d\n" % x)
    total += number * value
    if x % (count // 4) == count // 8:
        say("checkpoint")
        kernel.checkpoint()
        say("run")
say("cleanup")
kernel.cleanup()
say(total)
