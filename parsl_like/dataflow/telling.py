"""A few plain lines for whoever sits before the program, beside the log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress


def tell(logger: logging.Logger, first: str, lines: Sequence[str] = (), last: str = "", *, aloud: bool = True) -> None:
    """Say something in the log, as a warning, and on standard error, unless the log goes there anyway.

    Args:
        logger: Takes each line.
        first: What it is about.
        lines: The particulars.
        last: Where there is more; for standard error only.
        aloud: Whether to use standard error at all.
    """
    for line in (first, *lines):
        logger.warning("%s", line)
    if not aloud or _shows_on_stderr(logger):
        return
    text = "\n".join([f"parsl_like: {first}", *(f"  {line}" for line in lines), *([f"  {last}"] if last else [])])
    with suppress(OSError, ValueError, AttributeError):  # closed, or none at all: a program without a terminal
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _shows_on_stderr(logger: logging.Logger) -> bool:
    """Whether a warning of this logger appears on standard error; so it does where nobody has set up a log."""
    if not logger.isEnabledFor(logging.WARNING):
        return False
    current: logging.Logger | None = logger
    found = False
    while current is not None:
        for handler in current.handlers:
            found = found or not isinstance(handler, logging.NullHandler)
            if getattr(handler, "stream", None) in (sys.stderr, sys.__stderr__) and handler.level <= logging.WARNING:
                return sys.stderr is not None
        current = current.parent if current.propagate else None
    return not logger.hasHandlers() and logging.lastResort is not None
