"""What workers have started and not ended: the manager becomes its parent, knows whose it was, and ends it.

A process whose parent ends goes to the nearest ancestor that adopts (Linux: prctl(2), PR_SET_CHILD_SUBREAPER). So all
that has ever come from a worker stays below its manager, however often it forked and whatever session it is in. Which
worker it comes from is told by its session, by a variable in its environment, or by its parent.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from parsl_like.remote.process_tree import descendants, environment, send_signal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from parsl_like.remote.process_tree import Member

VARIABLE = "PARSL_LIKE_WORKER"
"""In the environment of each worker, and so of what it starts, unless that clears it."""

LOOK_S, LOOKS = 0.02, 50
"""Seconds between two looks for what is left at the end, and how many there are at most."""

_PR_SET_CHILD_SUBREAPER = 36


def mark(manager: int, count: int) -> tuple[str, str]:
    """The variable of a worker.

    Args:
        manager: Process id of its manager.
        count: How many workers that has started so far.
    """
    return VARIABLE, f"{manager}.{count}"


def adopt() -> None:
    """From now on this process is the parent of each descendant whose own parent has ended; on Linux only."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def left_by(workers: Mapping[int, tuple[str, str]]) -> dict[int, list[Member]]:
    """All that lives of what each worker has started, itself left out; one look at the system.

    Args:
        workers: Process ids, which lead the workers' sessions and have not been reaped, so that they are nobody else's;
            and their marks.
    """
    here = os.getpid()
    marks = {os.fsencode("=".join(variable)): worker for worker, variable in workers.items()}
    owners: dict[int, int] = {}
    found: dict[int, list[Member]] = {worker: [] for worker in workers}
    for member in descendants([here])[here]:  # parents come before their children
        owner = member.session if member.session in found else _first(environment(member.pid), marks)
        if owner is None:
            owner = owners.get(member.parent)
        if owner is not None:
            owners[member.pid] = owner
            if member.pid != owner:
                found[owner].append(member)
    return found


def reap(own: Collection[int]) -> None:
    """Take note of the ends of adopted children, as far as no child of ``own`` stands before them."""
    with suppress(ChildProcessError):
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if found.si_pid in own:
                return  # its own end is dealt with first, and this is called again then
            os.waitpid(found.si_pid, os.WNOHANG)


def end_all() -> None:
    """Kill every descendant of this process, and what it starts meanwhile."""
    here = os.getpid()
    for _ in range(LOOKS):
        reap(())
        if not (left := descendants([here])[here]):
            return
        send_signal(left, signal.SIGKILL)
        time.sleep(LOOK_S)  # nothing tells of the ends of those that are nobody's children here


def _first(entries: Iterable[bytes], marks: Mapping[bytes, int]) -> int | None:
    return next((marks[entry] for entry in entries if entry in marks), None)
