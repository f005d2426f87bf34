"""Text about foreign objects: never raises, never longer than asked for."""

from __future__ import annotations

SENTENCE = 500
"""Characters of an exception's message inside a sentence of ours."""


def bounded(text: str, limit: int) -> str:
    """The text itself, or its first and last part with a note between them, at most about ``limit`` characters.

    Args:
        text: Anything, also an instance of a subclass; the answer is a plain string.
        limit: Characters to keep.
    """
    length = str.__len__(text)
    if length <= limit:
        return "".join((text,))
    half = limit // 2
    head, tail = str.__getitem__(text, slice(half)), str.__getitem__(text, slice(length - half, length))
    return f"{head}\n... {length - 2 * half} characters left out ...\n{tail}"


def message_of(error: BaseException, limit: int) -> str:
    """What ``str(error)`` gives, bounded, or a note that it raised."""
    try:
        return bounded(str(error), limit)
    except BaseException as failure:  # noqa: BLE001 - the exception is the user's, and so is its __str__
        return f"<its message cannot be shown: {type(failure).__name__}>"


def name_of_type(cls: type) -> str:
    """A class's name with its module, without the module for built-in ones."""
    name, module = cls.__qualname__, cls.__module__
    return name if module == "builtins" else f"{module}.{name}"


def describe(error: BaseException) -> str:
    """An exception in one bounded phrase: its type and its message."""
    message = message_of(error, SENTENCE)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
