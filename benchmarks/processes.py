"""The processes of a measurement: which there are, what they are for, what they use."""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from types import TracebackType
from typing import Self

import psutil

TAG = "PARSL_LIKE_BENCHMARK"
"""Environment variable by which the processes of one measurement are known, wherever they have gone."""

ROLES = {
    "interchange": "interchange",
    "broker": "interchange",
    "manager": "manager",
    "process_worker_pool": "manager",
    "worker": "worker",
}
"""The last part of the name of a module or script on a command line, and what runs there."""


def others(tag: str | None = None) -> list[psutil.Process]:
    """All processes of a measurement but this one: its descendants, and those that bear its tag."""
    mark = tag or os.environ.get(TAG)
    found = {process.pid: process for process in psutil.Process().children(recursive=True)} if tag is None else {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if mark and process.pid != os.getpid() and process.environ().get(TAG) == mark:
                found[process.pid] = process
    return list(found.values())


def end_others(tag: str | None = None) -> None:
    """End them, by asking and then by force."""
    for stop in (psutil.Process.terminate, psutil.Process.kill):
        left = others(tag)
        for process in left:
            with contextlib.suppress(psutil.Error):
                stop(process)
        if not psutil.wait_procs(left, timeout=1)[1]:
            return


def role(process: psutil.Process) -> str:
    """What a process is for: "driver", "interchange", "manager", "worker" or "other" (a shell, a resource tracker)."""
    if process.pid == os.getpid():
        return "driver"
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        parent = process.parent()
        if parent is not None and _made_by_multiprocessing(words, parent):
            return "worker"
        return _named(words)
    return "other"


def _made_by_multiprocessing(words: list[str], parent: psutil.Process) -> bool:
    """Whether a driver's pool or a manager has forked or spawned a process with this command line."""
    above = parent.cmdline()
    makes = parent.pid == os.getpid() or _named(above) == "manager"
    return makes and (words == above or any("spawn_main" in word for word in words))


def _named(words: list[str]) -> str:
    for word in " ".join(words[:4]).split():
        name = word.rsplit("/", 1)[-1].removesuffix(".py").rsplit(".", 1)[-1]
        if name in ROLES:
            return ROLES[name]
    return "other"


def cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds a process has used, to the microsecond where the system has such a clock; 0 if it is gone."""
    try:
        # The number of another process's CPU clock, as clock_getcpuclockid(3) of Linux makes it.
        return time.clock_gettime((~process.pid << 3) | 2)
    except (AttributeError, OSError):
        with contextlib.suppress(psutil.Error):
            return sum(process.cpu_times()[:2])
    return 0.0


def rss_bytes(process: psutil.Process) -> int:
    """Memory in use; 0 if the process is gone."""
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def peak_bytes(process: psutil.Process) -> int:
    """The most memory a process has used in its life, or what it uses now where the system does not say."""
    with contextlib.suppress(OSError), open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return rss_bytes(process)


class Usage:
    """CPU time between entering and leaving, of this process and all others of its measurement.

    Attributes:
        seconds: CPU seconds by role; those of processes that ended in between are missing.
        wall: Seconds that passed.
    """

    def __enter__(self) -> Self:
        self.seconds: dict[str, float] = defaultdict(float)
        self._seen = [psutil.Process(), *others()]
        self._roles = [role(process) for process in self._seen]
        self._before = [cpu_seconds(process) for process in self._seen]
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.wall = time.perf_counter() - self._begun
        for process, name, before in zip(self._seen, self._roles, self._before, strict=True):
            self.seconds[name] += max(0.0, cpu_seconds(process) - before)
        known = {process.pid for process in self._seen}
        for process in others():
            if process.pid not in known:
                self.seconds[role(process)] += cpu_seconds(process)

    @property
    def total(self) -> float:
        """CPU seconds of all of them."""
        return sum(self.seconds.values())
