"""Whether bash can read a script, and whether what a script reads is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import Final

PATIENCE_S: Final = 60.0

_CONDITION: Final = re.compile(r"\|\||\bif\b|\bcase\b|\btest\b|\[|<<|`|\$\(")


def malformed(script: str) -> str | None:
    """What bash says of a script that it cannot read; None if it can, or if there is no bash here to ask."""
    try:
        done = subprocess.run(
            ["bash", "-n"], input=os.fsencode(script), capture_output=True, check=False, timeout=PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stderr.decode(errors="replace").strip() if done.returncode else None


def absent_sources(shell_text: str) -> list[str]:
    """Files that a shell text reads by ``source`` or ``.`` and that are not on this machine.

    Silent about all that cannot be told for certain: conditions, variables that only a shell has, relative names.

    Args:
        shell_text: ``worker_init``.
    """
    if _CONDITION.search(shell_text):
        return []
    named = [path for part in re.split(r"&&|[;\n]", shell_text) if (path := _sourced(part)) is not None]
    return [path for path in dict.fromkeys(named) if not os.path.exists(path)]


def _sourced(command: str) -> str | None:
    try:
        words = shlex.split(command, comments=True)
    except ValueError:  # a quote that is not closed, of which bash tells better
        return None
    if len(words) < 2 or words[0] not in ("source", "."):
        return None
    path = os.path.expanduser(os.path.expandvars(words[1]))
    return path if os.path.isabs(path) and "$" not in path else None
