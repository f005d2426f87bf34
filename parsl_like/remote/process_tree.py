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
        session: Its session then.
        parent: Its parent then.
    """

    pid: int
    started: int
    group: int
    session: int = 0
    parent: int = 0


def descendants(roots: Iterable[int], proc: Path = PROC) -> dict[int, list[Member]]:
    """The living descendants of each root, in one look at the system; empty where there is no ``/proc``."""
    children: dict[int, list[Member]] = {}
    for entry in os.listdir(proc) if proc.is_dir() else ():
        if entry.isdigit() and (member := _member(int(entry), proc)) is not None:
            children.setdefault(member.parent, []).append(member)
    return {root: _below(root, children) for root in roots}


def marked(assignment: bytes, proc: Path = PROC) -> list[Member]:
    """The living processes of this user whose environment has this entry; empty where there is no ``/proc``."""
    entries = os.listdir(proc) if proc.is_dir() else ()
    pids = [int(entry) for entry in entries if entry.isdigit() and assignment in environment(int(entry), proc)]
    return [member for pid in pids if (member := _member(pid, proc)) is not None]


def environment(pid: int, proc: Path = PROC) -> list[bytes]:
    """The entries of a process's environment as it was when its program began; none if it may not be seen."""
    try:
        return (proc / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return []


def alive(members: Iterable[Member], proc: Path = PROC) -> list[Member]:
    """Those that still are the processes they were."""
    found = ((member, _member(member.pid, proc)) for member in members)
    return [member for member, now in found if now is not None and now.started == member.started]


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


def _member(pid: int, proc: Path) -> Member | None:
    """What is known of a process (``man 5 proc_pid_stat``), None if it has ended."""
    try:
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        if fields[0] in "ZX":
            return None
        parent, group, session = map(int, fields[1:4])
        return Member(pid, int(fields[19]), group, session, parent)
    except (OSError, ValueError, IndexError):
        return None
