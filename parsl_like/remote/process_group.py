"""Processes that are ended together: a command and whatever it has started.

What has left its group (``setsid``, ``timeout``) is ended too: it is found below its parents, as long as those live,
or, a daemon for instance, by an entry in its environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from parsl_like.remote.process_tree import alive, descendants, marked, send_signal

if TYPE_CHECKING:
    import subprocess

    from parsl_like.remote.process_tree import Member

    Process = subprocess.Popen[bytes]

_LOOK_S = 0.02
"""Seconds between two looks at a group that is being ended; there is no way to wait for one."""

_LAST_WAIT_S = 5.0
"""How long the end of a killed process is waited for; the kernel may hold it for ever, in a dead file system say."""

_LAST_LOOKS = 50
"""How often, at most, what has left the group is looked for and killed at the end."""

_LONGEST_MS = 2**31 - 1
"""What poll(2) takes: 24 days."""


def running(process: Process, limit: float | None = None) -> int:
    """The process's exit code once it has ended; negative means ended by that signal.

    Args:
        process: The leader of its group.
        limit: Seconds to wait; None means without end.

    Raises:
        TimeoutError: It still runs.
    """
    if limit is not None and not _has_ended(process, limit):
        raise TimeoutError(f"process {process.pid} still runs after {limit} s")
    return process.wait()


def end(process: Process, grace: float, mark: bytes) -> None:
    """Ends the process and all it has started: politely, and after the grace for certain.

    Args:
        process: The leader of its group.
        grace: Seconds between SIGTERM and SIGKILL.
        mark: The entry that it was given in its environment, and nobody else.
    """
    strays = _strays(process, mark)
    _signal(process, signal.SIGTERM)
    send_signal(strays, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (left := _exists(process) or bool(alive(strays))) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    if left:
        kill = getattr(signal, "SIGKILL", signal.SIGTERM)
        for _ in range(_LAST_LOOKS):  # one may be starting another
            strays += _strays(process, mark)
            for families in descendants([member.pid for member in alive(strays)]).values():
                strays += families
            _signal(process, kill)
            send_signal(strays, kill)
            if not alive(strays):
                break
            time.sleep(_LOOK_S)
    import subprocess

    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LAST_WAIT_S)


def _strays(process: Process, mark: bytes) -> list[Member]:
    found = {*descendants([process.pid])[process.pid], *marked(mark)}
    return [member for member in found if member.group != process.pid]


def wait_until_empty(group: int, limit: float) -> None:
    """Waits until nothing of a group runs, or for so long; nobody is signalled or reaped.

    Args:
        group: Its number.
        limit: Seconds.
    """
    deadline = time.monotonic() + limit
    while _has_members(group) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)


def has_terminal() -> bool:
    """Whether this process has a terminal that could stop its children for reading from it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_CLOEXEC", 0)))
    except OSError:
        return False
    return True


def _has_ended(process: Process, limit: float) -> bool:
    """Whether the process ended within the limit, in seconds."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # only Linux has it; the standard library looks every 50 ms
        import subprocess

        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            return False
        return True
    import select

    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(min(max(limit, 0.0) * 1000, _LONGEST_MS)))
    finally:
        os.close(descriptor)


def _signal(process: Process, number: int) -> None:
    if os.name != "posix":
        process.terminate()
        return
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # all gone (macOS: all of them zombies)
        return


def _exists(process: Process) -> bool:
    """Whether anything of the group is left; reaps the leader."""
    process.poll()
    if process.returncode is None or os.name != "posix":
        return process.returncode is None
    return _has_members(process.pid)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _only_zombies(group)


def _only_zombies(group: int) -> bool:
    """Whether all of the group have ended and only want to be reaped, which a container's init may never do."""
    try:
        pids = [entry for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        return False
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, _, its_group = file.read().rpartition(b")")[2].split()[:3]
        except (OSError, ValueError):  # it is gone
            continue
        if int(its_group) == group and state not in (b"Z", b"X"):
            return False
    return True
