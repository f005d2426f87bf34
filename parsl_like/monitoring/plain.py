"""Whatever users put into records, as what JSON can say; never raises on account of a user's class."""

from __future__ import annotations

from collections.abc import Mapping

LONGEST_TEXT = 1000
"""Characters kept of the text of an object that JSON has no form for."""
DEEPEST = 20
"""Levels of nesting that are kept."""


def said(value: object) -> str:
    """An object's repr, cut to ``LONGEST_TEXT``, or a note that it has none."""
    try:
        return repr(value)[:LONGEST_TEXT]
    except BaseException as error:  # noqa: BLE001 - the __repr__ is the user's
        return f"<{type(value).__name__} without a repr: {type(error).__name__}>"


def plain(value: object, depth: int = DEEPEST) -> object:
    """A copy made of text, numbers, lists and dictionaries with text for keys only.

    Args:
        value: Anything.
        depth: Levels of nesting to keep; what lies deeper becomes its repr.
    """
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return int(value)
    if isinstance(value, str):
        return _sendable(value)
    try:
        if depth and isinstance(value, Mapping):
            return {_sendable(k if isinstance(k, str) else said(k)): plain(v, depth - 1) for k, v in value.items()}
        if depth and isinstance(value, (list, tuple, set, frozenset)):
            return [plain(item, depth - 1) for item in value]
    except Exception:  # noqa: BLE001, S110 - a mapping of the user's own that cannot be gone through is told as a whole
        pass
    return _sendable(said(value))


def _sendable(text: str) -> str:
    # Halves of surrogate pairs, as in names of files that are not UTF-8, have no encoding.
    return text.encode("utf-8", "backslashreplace").decode()
