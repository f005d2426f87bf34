"""A terminal with somebody at it, for programs that ask."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 60.0


class Terminal:
    """A context: a program runs in the foreground of a terminal of its own.

    Args:
        program: The text of a Python program.
        folder: Where it is written to.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._path = folder / "program.py"
        self._path.write_text(program)
        self._seen = ""

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, str(self._path)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - nothing else makes it a terminal
        )
        os.close(slave)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def until(self, text: str) -> str:
        """Wait until a text is shown; gives what came before it, since the last time."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self._seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} was not shown: {self._seen!r}"
            if select.select([self._master], [], [], left)[0]:
                try:
                    data = os.read(self._master, 4096)
                except OSError:  # nobody has the terminal open any more
                    data = b""
                assert data, f"it ended without {text!r}: {self._seen!r}"
                self._seen += data.decode(errors="replace")
        before, _, self._seen = self._seen.partition(text)
        return before

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode() + b"\n")

    def wait(self) -> int:
        """The exit code of the program."""
        self.until_ended()
        return self._process.wait(PATIENCE_S)

    def until_ended(self) -> None:
        """Read all that is still shown, so that the program is not stopped by a full terminal."""
        try:
            while os.read(self._master, 4096):
                pass
        except OSError:
            return
