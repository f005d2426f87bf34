"""Commands in hints: they are copied, so each has a line of its own and nothing behind it."""

from __future__ import annotations

from typing import Final

COMMAND_INDENT: Final = "    "
"""What a line of a hint begins with that is a command to copy: it is shown as it is, never wrapped."""


def as_command(command: str) -> str:
    """A command as a line of its own, for a hint.

    Args:
        command: What a reader may copy, unchanged.
    """
    return f"\n{COMMAND_INDENT}{command}"
