"""What processes have started, and what that has started: found while their parents live, ended later.

A process group holds most of it. What has left the group (``setsid``, ``timeout``, a shell with job control) is still a
descendant as long as its parents live, so descendants are looked up before anybody is signalled.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

PROC = Path("/proc")


class Member(NamedTuple):
    """A process, told from a later one of the same number by the time it started.

    Attributes:
        pid: Its number.
        started: When it started, in ticks since boot.
        group: Its process group at the time of the look.
    """

    pid: int
    started: int
    group: int


def descendants(roots: Iterable[int], proc: Path = PROC) -> dict[int, list[Member]]:
    """The living descendants of each root, in one look at the system; empty where there is no ``/proc``."""
    children: dict[int, list[Member]] = {}
    for entry in os.listdir(proc) if proc.is_dir() else ():
        if entry.isdigit() and (facts := _facts(int(entry), proc)) is not None:
            parent, member = facts
            children.setdefault(parent, []).append(member)
    return {root: _below(root, children) for root in roots}


def alive(members: Iterable[Member], proc: Path = PROC) -> list[Member]:
    """Those that still are the processes they were."""
    found = ((member, _facts(member.pid, proc)) for member in members)
    return [member for member, facts in found if facts is not None and facts[1].started == member.started]


def send_signal(members: Iterable[Member], number: int, proc: Path = PROC) -> None:
    """Signal those that still are the processes they were."""
    for member in alive(members, proc):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member.pid, number)


def _below(root: int, children: dict[int, list[Member]]) -> list[Member]:
    found = list(children.get(root, ()))
    for member in found:  # grows while it is walked
        found += children.get(member.pid, ())
    return found


def _facts(pid: int, proc: Path) -> tuple[int, Member] | None:
    """Parent and facts of a process (``man 5 proc_pid_stat``), None if it has ended."""
    try:
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else (int(fields[1]), Member(pid, int(fields[19]), int(fields[2])))
    except (OSError, ValueError, IndexError):
        return None
