"""A run with checkpoints, to be killed: says in its output how far it is, and in a file what it has done.

Words: the folder of all runs; the file; how many tasks; ``sync`` or ``async``; how long a task takes, in seconds;
``threads`` or ``htex``. The file has a line for the beginning ("began 0"), one for each time that a task's function ran
("ran 7"), and one for each result that was seen ("seen 7"), in the order in which that happened; each ends with the
program's process id. The phases said are load, run, checkpoint, cleanup; at the end the sum.
"""

from __future__ import annotations

import os
import sys

from parsl_like import Config, python_app
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.providers import LocalProvider

FOLDER, NOTES, TASKS, MODE, SECONDS, WHERE = sys.argv[1:7]


def note(line: str) -> None:
    """Write a line to the file, to which worker processes write, too."""
    notes = os.open(NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(notes, f"{line} {os.getpid()}\n".encode())
    os.close(notes)


def executor() -> HighThroughputExecutor | ThreadPoolExecutor:
    """Where tasks run."""
    if WHERE == "threads":
        return ThreadPoolExecutor(max_threads=4)
    block = LocalProvider(init_blocks=1, max_blocks=1)
    return HighThroughputExecutor(label="htex", address="127.0.0.1", max_workers_per_node=2, provider=block)


def say(word: object) -> None:
    """Write a line to the output at once."""
    os.write(1, f"{word}\n".encode())


def cube(x: int, seconds: float, path: str, program: int) -> list[int]:
    """What is remembered."""
    import os
    import time

    notes = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(notes, b"ran %d %d\n" % (x, program))
    os.close(notes)
    time.sleep(seconds)
    return [x, x**3]


config = Config(
    executors=[executor()],
    memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
    checkpoint_sync=MODE == "sync",
    run_dir=FOLDER,
    initialize_logging=False,
)
note("began 0")
say("load")
kernel = DataFlowKernel(config)
say("run")
app = python_app(cube, data_flow_kernel=kernel, cache=True, ignore_for_cache=["seconds", "path", "program"])
count = int(TASKS)
futures = [app(x, float(SECONDS), NOTES, os.getpid()) for x in range(count)]
total = 0
for x, future in enumerate(futures):
    number, value = future.result()
    note(f"seen {x}")
    total += number * value
    if x % (count // 4) == count // 8:
        say("checkpoint")
        kernel.checkpoint()
        say("run")
say("cleanup")
kernel.cleanup()
say(total)
