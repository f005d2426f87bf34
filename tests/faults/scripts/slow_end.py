# ruff: noqa: T201
"""Has a cleanup that lasts until a file is there: a callback of its own holds it up."""

import sys
import threading

from driver import add, config, until

import parsl_like

CALLED = threading.Event()


def hold_up(_future: object) -> None:
    CALLED.set()
    pause = threading.Event()
    while not KERNEL.cleanup_called:
        pause.wait(0.01)
    print("closing", flush=True)
    until("go")


if __name__ == "__main__":
    KERNEL = parsl_like.load(config())
    add(1, 2).add_done_callback(hold_up)
    CALLED.wait()
    print("ready", flush=True)
    parsl_like.clear()
    print("closed", flush=True)
    sys.exit(9)
