"""A driver whose clock is set while its tasks run; says on its standard output how that went.

Arguments: the file that says how far the clock is off, and the folder for runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from queue import SimpleQueue

import parsl_like
from parsl_like import python_app
from parsl_like.errors import AppTimeout
from tests.faults.conftest import local_config

STEPS = ("+3600", "-3600", "+31536000", "+0")
STEADY_S = 2.5
"""Longer than two heartbeats; what expires by the clock that was set would do so now."""


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app
def napping(seconds: float, walltime: float = 0) -> float:
    import threading
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:  # time.sleep fails under the library when a walltime interrupts it
        threading.Event().wait(0.05)
    return seconds


def main(offset: str, runs: str) -> None:
    del os.environ["LD_PRELOAD"]  # only this process's clock is set
    with parsl_like.load(local_config(runs, workers=3, heartbeat_period=1, heartbeat_threshold=5)) as kernel:
        long = napping(STEADY_S * len(STEPS) - 2, walltime=STEADY_S * len(STEPS))
        shows = []
        for step in STEPS:
            before = time.time()
            with open(offset, "w") as file:
                file.write(step)
            shows.append(time.time() - before)
            began = time.monotonic()
            ended: SimpleQueue[float] = SimpleQueue()
            stopped = napping(60, walltime=2)
            stopped.add_done_callback(lambda _, ended=ended: ended.put(time.monotonic()))
            while time.monotonic() - began < STEADY_S:
                assert add(2, 2).result(30) == 4
            assert isinstance(stopped.exception(30), AppTimeout)
            assert 2 <= ended.get(timeout=30) - began < 12, "the walltime of a task was not kept"
        long.result(60)
        status = kernel.status()
        summary = kernel.summary()
    health = status["executors"]["htex"]
    facts = {
        "steps": [round(step) for step in shows],
        "states": summary.states,
        "losses": summary.losses,
        "seconds": summary.seconds,
        "lost": health["lost"],
        "restarts": health["restarts"],
        "blocks": list(status["blocks"]["htex"]["blocks"]),
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
