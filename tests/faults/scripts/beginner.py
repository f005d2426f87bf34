# ruff: noqa: T201
"""Waits for a file, begins a run, does something in it, and says where it was."""

import os
import sys
import threading

import parsl_like
import parsl_like.dataflow.dflow

if __name__ == "__main__":
    gate, place = sys.argv[1:]
    print("ready", flush=True)
    pause = threading.Event()
    while not os.path.exists(gate):
        pause.wait(0.001)
    with parsl_like.load(parsl_like.Config(run_dir=place)) as kernel:
        assert kernel.submit(len, ["abc"]).result() == 3
    print(kernel.run_dir)
