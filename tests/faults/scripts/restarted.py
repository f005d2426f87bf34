# ruff: noqa: T201
"""A program whose blocks wait for it, to be killed and started again.

``python restarted.py WHAT [NAME=VALUE]...``: says ``ready`` when its first tasks run, or what it has found; then does
what is wanted. Values of the executor, the provider and the Config are JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from driver import add, until

import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.providers import LocalProvider

TASKS = 8


def config(**options: Any) -> Config:
    provider = {name: options.pop(name) for name in tuple(options) if name in LocalProvider.__dataclass_fields__}
    executor = {
        name: options.pop(name) for name in tuple(options) if name in HighThroughputExecutor.__dataclass_fields__
    }
    blocks = LocalProvider(**{"init_blocks": 2, "max_blocks": 2, **provider})
    workers = {"max_workers_per_node": 2, "cores_per_worker": 0.01, **executor}
    htex = HighThroughputExecutor(label="htex", provider=blocks, **workers)
    return Config(executors=[htex], run_dir="runinfo", **{"reattach": 60, **options})


@python_app
def held(path: str) -> str:
    """Runs until a file is there; leaves a line in one file when it begins and in another one before it ends."""
    import os
    import time

    with open(path + ".began", "a") as file:
        file.write(f"{os.getpid()}\n")
    while not os.path.exists(path):
        time.sleep(0.02)
    with open(path + ".ended", "a") as file:
        file.write(f"{os.getpid()}\n")
    return "old"


@python_app
def manager(number: int) -> tuple[int, int]:
    """The process of the manager for which this runs, for a while, so that all managers have something to do."""
    import os
    import time

    time.sleep(0.3)
    return number, os.getppid()


def hold() -> None:
    """Begin tasks that do not end, on all workers, and wait for somebody who ends this program, or the tasks."""
    futures = [held("go") for _ in range(8)]
    until("go.began")
    print("ready", flush=True)
    print(sorted({future.result() for future in futures}), flush=True)


def begin() -> None:
    """Ask for blocks, which have not started yet, and wait."""
    waiting = add(1, 2)
    until("init.began")
    print("ready", flush=True)
    print(waiting.result(), flush=True)


def fail() -> None:
    """Begin tasks that do not end, and stumble."""
    for _ in range(8):
        held("go")
    until("go.began")
    print("ready", flush=True)
    raise ValueError("on purpose")


def work() -> None:
    """Run tasks until two managers have run some, say who they are, and wait for leave to end."""
    right, managers = True, set[int]()
    while len(managers) < 2:
        found = [future.result() for future in [manager(number) for number in range(TASKS)]]
        right = right and [number for number, _ in found] == list(range(TASKS))
        managers.update(pid for _, pid in found)
    print(json.dumps({"right": right, "managers": sorted(managers)}), flush=True)
    until("end")


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    given = {name: json.loads(value) for name, _, value in (word.partition("=") for word in words)}
    kernel = parsl_like.load(config(**given))
    {"hold": hold, "begin": begin, "fail": fail, "work": work}[what]()
    kernel.cleanup()
