"""Errors of channels, at Parsl's path; those derived from ChannelError say which step over ssh has failed."""

from __future__ import annotations

from typing import ClassVar

from parsl_like.errors import ChannelError

__all__ = [
    "AuthException",
    "BadHostKeyException",
    "BadPermsScriptPath",
    "BadScriptPath",
    "ChannelError",
    "FileCopyException",
    "FileExists",
    "SSHException",
]


class _Step(ChannelError):
    """A step of a channel's work has failed.

    Args:
        e: What was raised below.
        hostname: The other machine.
    """

    what: ClassVar[str]

    def __init__(self, e: BaseException | str, hostname: str = "localhost") -> None:
        self.e = e
        super().__init__(f"{self.what}: {e}", hostname)


class BadHostKeyException(_Step):
    """The machine shows another key than the one that is known."""

    what = "its key is not the one that is known"


class BadScriptPath(_Step):
    """There is no folder where scripts are to be put."""

    what = "there is no folder for scripts at that path"


class BadPermsScriptPath(_Step):
    """The folder where scripts are to be put cannot be made or written to."""

    what = "the folder for scripts cannot be made or written to"


class AuthException(_Step):
    """The machine does not accept the login."""

    what = "the login was not accepted"


class SSHException(_Step):
    """The connection could not be made, or was lost."""

    what = "the connection failed"


class FileCopyException(_Step):
    """A file could not be brought there or back."""

    what = "a file could not be copied"


class FileExists(_Step):
    """A file is there already.

    Args:
        e: What was raised below.
        hostname: The other machine.
        filename: The file.
    """

    what = "a file is there already"

    def __init__(self, e: BaseException | str, hostname: str = "localhost", filename: str | None = None) -> None:
        self.filename = filename
        super().__init__(e, hostname)
