"""Which process a driver is, written down so that another program can see whether it still runs."""

from __future__ import annotations

import os
from enum import Enum
from typing import Any

from parsl_like.providers.processes import process_facts


class Life(Enum):
    """What can be said of a driver."""

    RUNS = "runs"
    ENDED = "ended"
    UNKNOWN = "unknown"
    """It is on another host, or in another namespace, where processes have other numbers."""


def this_driver() -> dict[str, Any]:
    """This process, as plain data: its host and boot, its number and when it started."""
    pid = os.getpid()
    facts = process_facts(pid)
    return {**_here(), "pid": pid, "started": facts.started if facts is not None else None}


def life_of(driver: dict[str, Any]) -> Life:
    """Whether a driver that was written down still runs.

    Args:
        driver: What :func:`this_driver` gave there.
    """
    here = _here()
    if driver.get("hostname") != here["hostname"]:
        return Life.UNKNOWN
    if driver.get("boot") != here["boot"]:
        return Life.ENDED  # the host has been started again since
    if driver.get("namespace") != here["namespace"]:
        return Life.UNKNOWN
    return Life.RUNS if runs(driver.get("pid"), driver.get("started")) else Life.ENDED


def runs(pid: object, started: object) -> bool:
    """Whether a process of this host still runs, and is not a later one with the same number."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    facts = process_facts(pid)
    return facts is not None and not facts.ended and (started is None or facts.started == started)


def said(driver: dict[str, Any]) -> str:
    """A driver in words."""
    return f"process {driver.get('pid')} on {driver.get('hostname')}"


def _here() -> dict[str, str]:
    from parsl_like.executors.high_throughput.places import host_identity

    boot, _, rest = host_identity().partition(":")
    hostname, _, namespace = rest.rpartition(":")
    return {"boot": boot, "hostname": hostname, "namespace": namespace}
