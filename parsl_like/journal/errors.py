"""What can be wrong with a log on disk."""

from __future__ import annotations

from parsl_like.errors import ParslError


class JournalError(ParslError):
    """A log cannot be used.

    Args:
        path: The file.
        reason: What is wrong with it, in words.
    """

    def __init__(self, path: str, reason: str, *, hint: str | None = None) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}.", hint=hint)


class UntrustedFile(JournalError):
    """Somebody else may have written the file; what is in it would be run as code, so nothing of it is read."""


class NotALog(JournalError):
    """The file is not a log of the kind that was expected, or of a version that is not known here."""


class DamagedRecord(JournalError, KeyError):
    """A record is not what was written, or cannot be rebuilt; to who looks something up it is not there.

    Args:
        path: The file.
        reason: What is wrong, in words.
        offset: Where in the file the record begins, in bytes.
    """

    def __init__(self, path: str, reason: str, offset: int) -> None:
        self.offset = offset
        super().__init__(path, f"the record at byte {offset} {reason}")
