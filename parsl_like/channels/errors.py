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
    "UnknownHostKeyException",
]


class _Step(ChannelError):
    """A step of a channel's work has failed.

    Args:
        e: What was raised below, or what happened.
        hostname: The other machine.
        transient: Whether trying again makes sense.
        hint: What to try.

    Attributes:
        by_hand: What to type to log in, where a running program would go on then by itself; None elsewhere.
    """

    by_hand: str | None = None
    what: ClassVar[str]
    of_connection: ClassVar[bool] = False
    """Whether it is the way to the machine that is closed, and not what was to be done there."""

    def __init__(
        self,
        e: BaseException | str,
        hostname: str = "localhost",
        *,
        transient: bool = False,
        hint: str | None = None,
    ) -> None:
        self.e = e
        super().__init__(f"{self.what}: {e}", hostname, transient=transient)
        if hint is not None:
            self.hint = hint


class BadHostKeyException(_Step):
    """The machine shows another key than the one that is known."""

    what = "its key is not the one that is known"
    of_connection = True


class UnknownHostKeyException(BadHostKeyException):
    """The machine shows a key, and none is known: whether it is the right machine cannot be told."""

    what = "its key is not known"


class BadScriptPath(_Step):
    """There is no folder where scripts are to be put."""

    what = "there is no folder for scripts at that path"


class BadPermsScriptPath(_Step):
    """The folder where scripts are to be put cannot be made or written to."""

    what = "the folder for scripts cannot be made or written to"


class AuthException(_Step):
    """The machine does not accept the login."""

    what = "the login was not accepted"
    of_connection = True


class SSHException(_Step):
    """The connection could not be made, or was lost."""

    what = "the connection failed"
    of_connection = True


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


def lost_connection(error: BaseException | None) -> ChannelError | None:
    """What has closed the way to another machine, where that is behind an error; None where something else is.

    Not every failure on a channel is of that kind: a command that took too long has been run.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, _Step) and error.of_connection:
            return error
        seen.add(id(error))
        error = error.__cause__
    return None
