"""Tokens for logins, from the program of the package oauth-ssh."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from parsl_like.channels.errors import AuthException
from parsl_like.errors import ChannelError

PROGRAM: Final = "oauth-ssh-token"
LIMIT_S: Final = 60.0
"""How long it may take; it may ask Globus for a new token."""


@dataclass(frozen=True, slots=True)
class Token:
    """What answers the question of a machine for a token; called at each login, since tokens end.

    Attributes:
        hostname: The machine.
    """

    hostname: str

    def __call__(self) -> str:
        """The token that is valid now.

        Raises:
            ChannelError: there is no such program here.
            AuthException: it has no token for the machine.
        """
        program = _program()
        if program is None:
            error = ChannelError(f"{PROGRAM} is not on the PATH", self.hostname)
            error.hint = f"pip install oauth-ssh, then {PROGRAM} authorize {self.hostname}"
            raise error
        try:
            done = subprocess.run(
                [program, "show", "token", self.hostname],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            words = f"{PROGRAM} gave no token within {LIMIT_S:g} s"
            raise AuthException(words, self.hostname, transient=True) from None
        said = done.stdout.strip()
        # It ends with 1 in any case, and complains in a sentence where the token would be.
        if not said or len(said.split()) != 1:
            words = said or done.stderr.strip()[-500:] or f"{PROGRAM} ended with {done.returncode}, without a word"
            raise AuthException(words, self.hostname, hint=f"{PROGRAM} authorize {self.hostname}")
        return said


def _program() -> str | None:
    """The program on the PATH, or beside the interpreter of an environment that was not activated."""
    beside = os.path.join(os.path.dirname(sys.executable), PROGRAM)
    return shutil.which(PROGRAM) or (beside if os.access(beside, os.X_OK) else None)
