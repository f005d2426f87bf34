# ruff: noqa: T201
"""A program that uses the engine, comes into a situation, says so, and ends in some way, or is ended.

``python driver.py SITUATION END [with]``: the line ``ready`` on stdout says that the situation has come. With the third
word the end comes inside of ``with parsl_like.load(...)``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import Any

import parsl_like
from parsl_like import Config, HighThroughputExecutor, bash_app, python_app
from parsl_like.providers import LocalProvider

FUTURES: list[Any] = []
BLOCK_TAKES_S = 3


def config(*, worker_init: str = "", **options: Any) -> Config:
    provider = LocalProvider(init_blocks=1, min_blocks=0, max_blocks=1, worker_init=worker_init)
    htex = HighThroughputExecutor(
        label="htex", max_workers_per_node=2, cores_per_worker=0.01, provider=provider, **options
    )
    return Config(executors=[htex], run_dir="runinfo")


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app
def wait_for(path: str) -> str:
    """Runs until a file is there, and leaves a line in another one each time it runs."""
    import os
    import time

    with open(path + ".began", "a") as file:
        file.write(f"{os.getpid()}\n")
    while not os.path.exists(path):
        time.sleep(0.02)
    return path


@bash_app
def tree(path: str) -> str:
    """A shell with children and grandchildren; some do not listen, and some are in a session of their own."""
    deaf = "trap '' TERM HUP INT; sleep 1000 & sleep 1000"
    return f"({deaf}) & setsid sleep 1000 & touch {path}.began; sleep 1000; wait"


def until(*paths: str) -> None:
    pause = threading.Event()
    while not all(map(os.path.exists, paths)):
        pause.wait(0.01)


# --- situations


def loading() -> None:
    """Nothing has come up yet."""


def starting() -> None:
    """A block runs, and its manager does not yet."""
    FUTURES.append(add(1, 2))
    until("init.began")


def idle() -> None:
    assert add(1, 2).result() == 3


def running() -> None:
    FUTURES.extend([wait_for("go") for _ in range(4)])
    until("go.began")


def queued() -> None:
    FUTURES.extend([wait_for("go") for _ in range(10_000)])
    until("go.began")


def bash() -> None:
    FUTURES.extend([tree(f"tree{number}") for number in range(2)])
    until("tree0.began", "tree1.began")


SITUATIONS = {each.__name__: each for each in (loading, starting, idle, running, queued, bash)}


# --- ends


def wait() -> None:
    """Somebody else ends it, while it waits for a result or for nothing."""
    for future in FUTURES:
        future.exception()
    threading.Event().wait()


def finish() -> None:
    """Wait for what there is, say what came of it, and end."""
    print(sorted(future.result() for future in FUTURES), parsl_like.dfk().summary().states)


def at_once() -> None:
    os._exit(7)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def exception() -> None:
    raise ValueError("on purpose")


def leave() -> None:
    sys.exit(5)


def end() -> None:
    """Nothing: the script is over."""


ENDS = {each.__name__: each for each in (wait, finish, at_once, crash, exception, leave, end)}


def main(situation: str, how: str, block: str = "") -> None:
    options: dict[str, Any] = {"heartbeat_period": 1, "heartbeat_threshold": 5} if how == "finish" else {}
    if situation == "starting":
        options["worker_init"] = f"touch init.began; sleep {BLOCK_TAKES_S}"
    kernel = parsl_like.load(config(**options))
    with kernel if block == "with" else contextlib.nullcontext():
        SITUATIONS[situation]()
        print("ready", flush=True)
        ENDS[how]()


if __name__ == "__main__":
    main(*sys.argv[1:])
