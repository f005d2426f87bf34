# ruff: noqa: T201
"""Answers SIGTERM by itself."""

import signal
import sys

from driver import config, idle

import parsl_like

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(3))
    parsl_like.load(config())
    idle()
    print("ready", flush=True)
    signal.pause()
