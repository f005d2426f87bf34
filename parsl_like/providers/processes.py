"""Processes of this machine, told apart by their start time where their number may have been used again."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class ProcessFacts(NamedTuple):
    """What the kernel tells of a process.

    Attributes:
        started: When it began, in a unit of the system's own; with the number it names a process for good.
        ended: Whether it has ended and only waits for its parent to ask.
    """

    started: str
    ended: bool


def process_facts(pid: int) -> ProcessFacts | None:
    """What is known of a process, None if there is none with this number (Linux: proc_pid_stat(5))."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return ProcessFacts(started=fields[19], ended=fields[0] in "ZX")
    except (OSError, IndexError):
        return None if PROC.joinpath("self").exists() else _portable_facts(pid)


def _portable_facts(pid: int) -> ProcessFacts | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return ProcessFacts(f"{process.create_time():.2f}", process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return None


def exit_code_of_child(pid: int) -> int | None:
    """Take note of a child's end, so that it does not stay as a zombie.

    Returns:
        Its exit code, negative for a signal; None if it runs, or is nobody's child here.
    """
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None


def wait_for_end(pid: int, timeout: float) -> None:
    """Wait until a process has ended, its parent may not have taken note of it yet; or for ``timeout`` seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # an older kernel, or not Linux
        time.sleep(min(timeout, 0.05))
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, timeout) * 1000)
    finally:
        os.close(descriptor)


def signal_name(number: int) -> str:
    """What a signal is called; those for programs' own use (signal(7), real-time signals) have only a description."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return signal.strsignal(number) or "unknown"


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to every process of the group that a process leads or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def signal_missed(group: int, number: signal.Signals) -> None:
    """Send a signal again to those of a group that would have died of it, had they got it.

    A signal can be lost on a process that has just been forked and not yet executed its program: until then it has the
    handlers of its parent, a shell with traps. Processes that handle, block or ignore the signal are left in peace.
    """
    bit = 1 << (number - 1)
    for pid in _numbers():
        try:
            stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(stat[2]) == group and stat[0] not in "ZX" and not _handled(pid) & bit:
                os.kill(pid, number)
        except (OSError, IndexError):
            continue  # it has ended meanwhile


def _handled(pid: int) -> int:
    """The signals a process blocks, ignores or catches, as a bit mask."""
    handled = 0
    for line in (PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, mask = line.partition(":")
        if name in ("SigBlk", "SigIgn", "SigCgt"):
            handled |= int(mask, 16)
    return handled


def signal_marked(mark: bytes, number: signal.Signals) -> bool:
    """Send a signal to every process of this user whose environment has a mark; tells whether there were any.

    The mark proves that they descend from a job although its first process, by whose number they could be found, may
    be gone and its number taken by a stranger. Does nothing where the system does not show environments.
    """
    found = False
    for pid in _numbers():
        try:
            environment = (PROC / str(pid) / "environ").read_bytes()
            if mark in environment.split(b"\0"):
                os.kill(pid, number)
                found = True
        except OSError:
            continue  # it has ended meanwhile, or is not this user's
    return found


def _numbers() -> list[int]:
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]
    except OSError:
        return []
