"""Facts of a node, and how many workers it carries."""

from __future__ import annotations

import math
import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.node.pinning import usable_processors
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from parsl_like.executors.high_throughput.options import ManagerOptions

GIGABYTE = 1 << 30

END_VARIABLES = ("PARSL_LIKE_BLOCK_ENDS", "SLURM_JOB_END_TIME")
"""Where it may be said when a block ends: by its script, by the clock of its node, and by Slurm."""

TOLD_PACKAGES = ("cloudpickle", "dill", "msgspec", "numpy", "pandas", "pyzmq")
"""Packages whose versions must agree with the submit side's, or that help to explain why something did not unpickle."""


@dataclass(frozen=True, slots=True)
class Node:
    """What a manager tells about where it runs; see ``protocol.Register``."""

    hostname: str
    cores: int
    memory: int
    python: str
    package: str

    @classmethod
    def observe(cls, environment: Mapping[str, str]) -> Node:
        """This node.

        Args:
            environment: Where ``PARSL_CORES`` and ``PARSL_MEMORY_GB`` may say what a block was given of it.
        """
        return cls(
            socket.gethostname(),
            int(_positive(environment.get("PARSL_CORES"))) or len(usable_processors()),
            int(_positive(environment.get("PARSL_MEMORY_GB")) * GIGABYTE) or memory_limit(),
            platform.python_version(),
            VERSION,
        )


def worker_count(options: ManagerOptions, cores: int, memory: int) -> int:
    """How many workers a node carries: what processors, memory, accelerators and the user allow, at least one.

    Args:
        options: What the user allows.
        cores: The node's processors.
        memory: The node's memory in bytes.
    """
    limits = [cores / options.cores_per_worker]
    if options.mem_per_worker:
        limits.append(memory / (options.mem_per_worker * GIGABYTE))
    if options.accelerators:
        limits.append(len(options.accelerators))
    if options.max_workers is not None:
        limits.append(options.max_workers)
    return max(1, math.floor(min(limits)))


def memory_limit(root: Path = Path("/")) -> int:
    """Bytes of memory that processes here may use: the machine's, or less where a control group says so."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_group_limits(root)]
    return min(limits)


def seconds_left(environment: Mapping[str, str], now: float) -> float:
    """Seconds until the block is ended, 0 where nothing tells; the least if several do.

    A time that has passed says nothing: it is another job's, or another clock's.

    Args:
        environment: Where the block's script, or Slurm, says when the job ends, in seconds since the epoch.
        now: Seconds since the epoch.
    """
    ends = [_positive(environment.get(name)) for name in END_VARIABLES]
    return min((end - now for end in ends if end > now), default=0.0)


def package_versions() -> dict[str, str]:
    """Versions of the packages that matter, where they are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in TOLD_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _positive(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0
    return value if value > 0 and math.isfinite(value) else 0


def _group_limits(root: Path) -> Iterator[int]:
    """Limits of this process's control groups and of those around them, of both versions (``man 7 cgroups``)."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        inner = Path(place.lstrip("/"))
        for folder in (inner, *inner.parents):
            try:
                yield int((top / folder / name).read_text(encoding="ascii"))
            except (OSError, ValueError):  # no such file, or "max"
                continue
