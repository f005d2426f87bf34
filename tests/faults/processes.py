"""The processes of a run, found in the process table by what they run, and ways to wait for their end."""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Role = Literal["interchange", "manager", "worker"]

MARK = "PARSL_LIKE_TEST"
"""The environment variable that tells whose a process is; ``tests/conftest.py`` sets it for each test."""

MODULES: dict[Role, str] = {
    "interchange": "parsl_like.executors.high_throughput.interchange",
    "manager": "parsl_like.executors.high_throughput.manager",
    "worker": "parsl_like.executors.high_throughput.node.worker",
}


def of(role: Role) -> list[int]:
    """The processes of a role that this test has started, directly or through others."""
    mark = os.environ[MARK]
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if MODULES[role] in process.cmdline() and process.environ().get(MARK) == mark:
                found.append(process.pid)
    return found


def one(role: Role) -> int:
    """The only process of a role; fails if there are none, or several."""
    (pid,) = of(role)
    return pid


def alive(pids: Iterable[int]) -> list[int]:
    """Those that run; one that only wants to be reaped does not."""
    running = []
    for pid in pids:
        with suppress(psutil.Error):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.append(pid)
    return running


def wait_for_end(pids: Iterable[int], seconds: float) -> list[int]:
    """Wait until processes have ended; gives those that have not in time."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            finally:
                os.close(descriptor)
    return alive(pids)


def until(condition: Callable[[], object], seconds: float, what: str = "it") -> None:
    """Ask again and again, for things that announce themselves to nobody; fails when the time is over."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        pause.wait(0.01)
