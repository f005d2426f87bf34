# ruff: noqa: T201
"""Does nothing but call apps and wait for what they give."""

from driver import add

import parsl_like

if __name__ == "__main__":
    parsl_like.load(parsl_like.Config(run_dir="runinfo"))
    print("ready", flush=True)
    while True:
        add(1, 2).result()
        print("task", flush=True)
