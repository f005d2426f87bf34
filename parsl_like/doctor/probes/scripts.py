"""Whether bash can read a script."""

from __future__ import annotations

import os
import subprocess
from typing import Final

PATIENCE_S: Final = 60.0


def malformed(script: str) -> str | None:
    """What bash says of a script that it cannot read; None if it can, or if there is no bash here to ask."""
    try:
        done = subprocess.run(
            ["bash", "-n"], input=os.fsencode(script), capture_output=True, check=False, timeout=PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stderr.decode(errors="replace").strip() if done.returncode else None
