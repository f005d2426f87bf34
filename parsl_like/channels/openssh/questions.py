"""Who answers when ssh asks for a password or a code: nobody, the terminal, or a secret first and then the terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TERMINAL: Final = "/dev/tty"
AT_THE_TERMINAL: Final = threading.Lock()
"""One login at a time asks at the terminal."""

_ANSWERER: Final = """\
#!/bin/sh
# ssh runs this for each question ($1), see SSH_ASKPASS in ssh(1).
here=${0%/*}
case $1 in
    @PATTERN@)
        # The same question again means that the answer was wrong.
        if mkdir "$here/asked.$(printf %s "$1" | cksum | tr -d ' ')" 2> /dev/null; then exec cat "$here/secret"; fi ;;
esac
[ -e "$here/terminal" ] && [ -r @TERMINAL@ ] || exit 1
trap 'stty echo < @TERMINAL@' 0 1 2 15
stty -echo < @TERMINAL@ || exit 1
printf '%s' "$1" > @TERMINAL@
IFS= read -r answer < @TERMINAL@ || exit 1
printf '\\n' > @TERMINAL@
printf '%s\\n' "$answer"
"""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that is known; never printed.

    Attributes:
        value: The secret.
    """

    value: str = field(repr=False)

    def __call__(self) -> str:
        """The secret."""
        return self.value


@dataclass(frozen=True)
class Questions:
    """How the questions of a login are answered. Equal ones answer alike, so that their login can be shared.

    Attributes:
        at_terminal: Whether the first login may ask at the terminal, if there is one.
        pattern: A shell pattern for the questions that the secret answers, each once.
        secret: A value that gives the secret, called at each login; None for no secret.
    """

    at_terminal: bool = False
    pattern: str = "*[Pp]assword*|*[Pp]assphrase*"
    secret: Callable[[], str] | None = None

    def terminal(self) -> bool:
        """Whether somebody can be asked: there is a terminal, and this process is in its foreground."""
        if not self.at_terminal or not hasattr(os, "tcgetpgrp"):
            return False
        try:
            descriptor = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
        except OSError:
            return False
        try:
            return os.tcgetpgrp(descriptor) == os.getpgrp()
        except OSError:
            return False
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def answering(self, folder: Path, terminal: bool) -> Iterator[dict[str, str]]:
        """The variables with which ssh finds who answers; the secret is on disk only as long as a login takes.

        Args:
            folder: A folder that nobody else can read.
            terminal: Whether the terminal answers what the secret does not.
        """
        if self.secret is None:
            yield {}
            return
        secret = self.secret()
        place = folder / "answers"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        try:
            text = _ANSWERER.replace("@PATTERN@", self.pattern).replace("@TERMINAL@", TERMINAL)
            _write(place / "answer", text, 0o700)
            _write(place / "secret", f"{secret}\n", 0o600)
            if terminal:
                _write(place / "terminal", "", 0o600)
            display = os.environ.get("DISPLAY", "none:0")  # older versions ask no program without one
            yield {"SSH_ASKPASS": str(place / "answer"), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": display}
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


class Echo:
    """Shows at the terminal what ssh says while it asks there, and keeps it for the error.

    Args:
        source: The pipe from ssh; it is closed when ssh has ended.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._said = bytearray()
        self._thread = threading.Thread(target=self._copy, name="parsl-like-login", daemon=True)
        self._thread.start()

    def _copy(self) -> None:
        with self._source, contextlib.suppress(OSError), open(TERMINAL, "wb", buffering=0) as terminal:
            while data := os.read(self._source.fileno(), 4096):
                self._said += data
                terminal.write(data)

    def said(self, timeout: float) -> str:
        """What has been said so far; old versions of ssh keep the pipe as long as the connection lasts."""
        self._thread.join(timeout)
        return bytes(self._said).decode(errors="replace")
