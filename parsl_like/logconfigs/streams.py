"""Logging to a stream or a file of the program's own, apart from the runs' logs."""

from __future__ import annotations

import logging
from typing import IO, TYPE_CHECKING

from parsl_like.logconfigs.attaching import ROOT_LOGGER, attach, logger_named
from parsl_like.logconfigs.file import DEFAULT_FORMAT, file_handler

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

STREAM_FORMAT = "%(asctime)s %(name)s:%(lineno)d [%(levelname)s]  %(message)s"


def set_stream_logger(
    name: str = ROOT_LOGGER,
    level: int = logging.DEBUG,
    format_string: str | None = None,
    stream: IO[str] | None = None,
) -> Callable[[], None]:
    """Show log messages on a stream.

    Args:
        name: The logger; "parsl" means this package's.
        level: The least level that is shown.
        format_string: As in the standard library's ``logging``; None for time, place, level and message.
        stream: Where to; None for standard error. It is not closed.

    Returns:
        A function that stops it.
    """
    handler = logging.StreamHandler(stream)
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(format_string or STREAM_FORMAT, datefmt="%Y-%m-%d %H:%M:%S"))
    return attach(logger_named(name), handler)


def set_file_logger(
    filename: str | os.PathLike[str],
    name: str = ROOT_LOGGER,
    level: int = logging.DEBUG,
    format_string: str | None = None,
) -> Callable[[], None]:
    """Append log messages to a file, which is opened by the first one.

    Args:
        filename: The file; its folder exists.
        name: The logger; "parsl" means this package's.
        level: The least level that is written.
        format_string: As in the standard library's ``logging``; None for the format of the runs' logs.

    Returns:
        A function that stops it and closes the file.
    """
    handler = file_handler(filename, level)
    handler.setFormatter(logging.Formatter(format_string or DEFAULT_FORMAT))
    return attach(logger_named(name), handler)
