# ruff: noqa: T201
"""Forks a child that holds everything open, and waits to be killed."""

import os
import signal
import warnings

from driver import config, idle

import parsl_like

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    parsl_like.load(config())
    idle()
    child = os.fork()
    if child:
        print(f"ready\n{child}", flush=True)
    signal.pause()
