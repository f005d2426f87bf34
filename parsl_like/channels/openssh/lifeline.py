"""A command of ours on a shared connection, which holds it as long as this program lives and the network does."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from parsl_like.channels.openssh import command_lines

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.channels.openssh.command_lines import Login

BEAT_S: Final = 4.0
"""Seconds between two signs of life; less than half of the time that a connection outlives its last user."""
STEPS_OF_SILENCE, STEP_S = 6, 10
"""The command there ends after so many steps of so many seconds without a sign of life."""
LAST_WAIT_S: Final = 5.0
_GREETING: Final = re.compile(rb"parsl_like\|(\d+)\|([^|\n]*)\|([^|\n]*)\|\n")

_SCRIPT: Final = f"""\
began() {{ ps -o lstart= -p "$1" 2> /dev/null; }}
if [ -n "$3" ] && [ "$1" != "$PPID" ] && [ "$2" = "$(uname -n)" ] && [ "$3" = "$(began "$1")" ]; then kill "$1"; fi
printf "parsl_like|%s|%s|%s|\\n" "$PPID" "$(uname -n)" "$(began "$PPID")"
silent() {{
    past=0
    trap 'past=0; kill "$!"' USR1
    trap 'kill "$!"; wait "$!"; exit' TERM
    while [ "$past" -lt {STEPS_OF_SILENCE} ]; do
        sleep {STEP_S} &
        wait "$!" && past=$((past + 1))
    done
    kill "$$"
}}
exec 3<&0 < /dev/null 2> /dev/null
silent 3<&- > /dev/null &
silent=$!
while read -r beat <&3; do kill -USR1 "$silent"; done
kill "$silent"
wait "$silent"
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
    """A command on the connection that only waits.

    It ends with this process, and then the connection does; and by itself when it has not heard of this process for a
    minute, so that a network that went away leaves nothing of ours on a server that has not noticed.

    Args:
        process: From :func:`begin_lifeline`.

    Attributes:
        far_end: The server's process, once the lifeline holds.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._writing = threading.Lock()
        self._over = threading.Event()
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

    def keep(self, lost: Callable[[], None]) -> None:
        """Give signs of life from now on, in a thread.

        Args:
            lost: Called in that thread when it has ended though nobody wanted that. The connection may be there all the
                same for some seconds: a machine that wakes up finds that it was taken for gone.
        """
        threading.Thread(target=self._beat, args=[lost], name="parsl-like-ssh-lifeline", daemon=True).start()

    def end(self) -> None:
        """Let it go, by closing its input and then by force."""
        import subprocess

        self._over.set()
        with self._writing:
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

    def _beat(self, lost: Callable[[], None]) -> None:
        while not self._over.wait(BEAT_S):
            if not self.holds:
                lost()
                return
            with self._writing, contextlib.suppress(OSError):  # it has just ended, which is seen the next time
                if self._process.stdin is not None and not self._process.stdin.closed:
                    self._process.stdin.write(b"\n")


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
