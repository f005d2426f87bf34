"""The process in the background that keeps a login: what it is asked, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from parsl_like.channels.openssh import command_lines

if TYPE_CHECKING:
    from parsl_like.channels.openssh.command_lines import Login

REQUEST_S: Final = 10.0
"""How long a request may take; it is answered at once unless the other side is asked."""
LAST_WAIT_S: Final = 5.0


def request(login: Login, socket: str, what: str, *forward: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a request; -1 if there was no answer in time."""
    import subprocess

    try:
        done = subprocess.run(
            command_lines.control_line(login, socket, what, *forward),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=REQUEST_S,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, "", f"no answer within {REQUEST_S:g} s"
    return done.returncode, done.stdout, done.stderr


def is_there(login: Login, socket: str) -> bool:
    """Whether a connection stands behind a socket."""
    return os.path.exists(socket) and request(login, socket, "check")[0] == 0


def end(login: Login, socket: str, folder: Path) -> None:
    """End a connection that is ours, by asking and then by force, wait until its process is gone, remove its folder."""
    import shutil

    if login.control_path is None and os.path.exists(socket):
        code, _, said = request(login, socket, "check")
        found = re.search(r"pid=(\d+)", said)
        request(login, socket, "exit")
        if code == 0 and found and not _gone_within(LAST_WAIT_S, int(found[1])):
            with contextlib.suppress(OSError):
                os.kill(int(found[1]), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _gone_within(seconds: float, pid: int) -> bool:
    """Whether a process that is no child of ours has ended; only asking tells."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except OSError:
            return True
        if _is_zombie(pid):
            return True
        time.sleep(0.02)
    return False


def _is_zombie(pid: int) -> bool:
    """Where process 1 is no init, one that has ended is reaped late."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
