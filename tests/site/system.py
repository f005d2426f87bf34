"""A batch system that a script brings up."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path

SYSTEMS = Path(__file__).parent / "systems"
FIRST_PORT, LAST_PORT, PORTS_OF_A_SYSTEM, PROCESSES = 20000, 30000, 20, 16


class System:
    """A batch system, as one of the scripts in ``systems`` brings it up.

    Args:
        name: The script's name, without its suffix.
        folder: Where it keeps everything; readable by other users, since daemons are other users.
        **settings: Its settings, see its head.

    Attributes:
        folder: Where it is below that.
    """

    def __init__(self, name: str, folder: Path, **settings: object) -> None:
        self.name = name
        self.folder = folder / name
        # Not the environment of a test: what outlives a test must not look as if the test had left it.
        self._environment = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "PARSL_LIKE_SITE_DIR": str(folder),
            **{key: str(value) for key, value in settings.items()},
        }

    def __call__(self, command: str, *words: str, timeout: float = 300) -> str:
        """Run a command of the script; gives what it prints.

        Raises:
            RuntimeError: it failed, with what it wrote.
            subprocess.TimeoutExpired: it took too long.
        """
        done = subprocess.run(
            ["bash", str(SYSTEMS / f"{self.name}.sh"), command, *words],
            env=self._environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}.sh {command} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def environment(self, command: str = "env") -> dict[str, str]:
        """What a shell gets by evaluating what a command prints."""
        found = {}
        for line in self(command).splitlines():
            export, assignment = shlex.split(line)
            assert export == "export", line
            name, _, value = assignment.partition("=")
            found[name] = value
        return found


def free_ports(process: int) -> int:
    """The first of some ports that nobody has.

    Args:
        process: The number of this process among those that run tests; each looks at other ports.
    """
    step = PROCESSES * PORTS_OF_A_SYSTEM
    for first in range(FIRST_PORT, LAST_PORT - step, step):
        start = first + process % PROCESSES * PORTS_OF_A_SYSTEM
        if all(map(_is_free, range(start, start + PORTS_OF_A_SYSTEM))):
            return start
    raise RuntimeError(f"no {PORTS_OF_A_SYSTEM} free ports between {FIRST_PORT} and {LAST_PORT}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
