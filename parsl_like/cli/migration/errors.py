"""Why a program could not be migrated."""

from __future__ import annotations


class CannotMigrate(Exception):
    """A file is left alone.

    Args:
        reason: Why, in words.
        line: Where, from 1; None if it is the whole file.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.reason, self.line = reason, line
        super().__init__(reason)
