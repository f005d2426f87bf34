"""The machine that a run is made on, and who else uses it."""

from __future__ import annotations

import os
import platform
import time

import psutil


def description() -> str:
    """Date, interpreter and size of the machine."""
    memory = psutil.virtual_memory().total / 2**30
    where = f"Python {platform.python_version()}, {os.cpu_count()} processors, {memory:.0f} GiB"
    return f"{time.strftime('%Y-%m-%d %H:%M')}, {where}"


def load() -> str:
    """How busy the machine is: the average of the last minute, and the share of its processors in the next second."""
    busy = psutil.cpu_percent(1.0)
    return f"load before: {os.getloadavg()[0]:.2f}, {busy:.0f} % of the processors busy"
