"""The process in the background that keeps a login: what it is asked, who keeps it alive, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from parsl_like.channels.openssh import command_lines

if TYPE_CHECKING:
    import subprocess

    from parsl_like.channels.openssh.command_lines import Login

REQUEST_S: Final = 10.0
"""How long a request may take; it is answered at once unless the other side is asked."""
LAST_WAIT_S: Final = 5.0
_GREETING: Final = re.compile(rb"parsl_like\|(\d+)\|([^|\n]*)\|([^|\n]*)\|\n")

_SCRIPT: Final = """\
began() { ps -o lstart= -p "$1" 2> /dev/null; }
if [ -n "$3" ] && [ "$1" != "$PPID" ] && [ "$2" = "$(uname -n)" ] && [ "$3" = "$(began "$1")" ]; then kill "$1"; fi
printf "parsl_like|%s|%s|%s|\\n" "$PPID" "$(uname -n)" "$(began "$PPID")"
exec cat
"""


@dataclass(frozen=True, slots=True)
class FarEnd:
    """The server's process for one connection, by which a later connection of ours ends it if it has not noticed.

    A server may keep a connection that broke for hours, with its forwarded ports and its commands.

    Attributes:
        pid: Its number there.
        host: The machine it runs on; one name may lead to several.
        began: When it began, in the words of ps(1), since numbers are used again.
    """

    pid: str = ""
    host: str = ""
    began: str = ""


class Lifeline:
    """A command of ours on the connection that only waits; it ends with this process, and then the connection does.

    Args:
        process: From :func:`begin_lifeline`.

    Attributes:
        far_end: The server's process, once the lifeline holds.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.far_end = FarEnd()

    @property
    def holds(self) -> bool:
        """Whether it is there; never waits."""
        return self._process.poll() is None

    def greets(self, limit: float) -> bool:
        """Whether it has begun, so that commands can be run; words of start-up files may come first."""
        output = self._process.stdout
        if output is None:
            return False
        poll = select.poll()
        poll.register(output, select.POLLIN)
        seen, deadline = b"", time.monotonic() + limit
        while not (found := _GREETING.search(seen)):
            readable = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            data = os.read(output.fileno(), 4096) if readable else b""
            if not data:
                return False
            seen += data
        self.far_end = FarEnd(*(part.decode(errors="replace") for part in found.groups()))
        return True

    def end(self) -> None:
        """Let it go, by closing its input and then by force."""
        import subprocess

        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        for wait in (0.5, LAST_WAIT_S):
            try:
                self._process.wait(wait)
                return
            except subprocess.TimeoutExpired:
                self._process.kill()


def begin_lifeline(login: Login, socket: str, log: Path, before: FarEnd) -> Lifeline:
    """Begin to use a connection.

    Args:
        login: Where to.
        socket: The connection's socket.
        log: A file for what ssh says.
        before: The far end of the connection before, which is ended.
    """
    import subprocess

    script = f"set -- {shlex.join([before.pid, before.host, before.began])}\n{_SCRIPT}".encode()
    # The login's own shell, of whatever kind, reads one short line; see parsl_like.channels.remote_shell.
    argv = command_lines.command_line(login, socket, f"""exec sh -c 'eval "$(head -c {len(script)})"'""")
    with open(log, "ab") as file:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, bufsize=0, start_new_session=True
        )
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # it has ended; what follows tells why
            process.stdin.write(script)
    return Lifeline(process)


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
