"""A log of text lines in the run directory."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from parsl_like.core.arguments import spelled
from parsl_like.logconfigs.attaching import PARSL, ROOT_LOGGER, attach, logger_named
from parsl_like.logconfigs.background import BackgroundFileHandler
from parsl_like.logconfigs.base import LogConfig

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_FORMAT: Final = (
    "%(created)f %(asctime)s %(processName)s-%(process)d %(threadName)s-%(thread)d "
    "%(name)s:%(lineno)d %(funcName)s %(levelname)s: %(message)s"
)
"""The lines of Parsl's logs, for tools that read them."""


@spelled()
@dataclass(kw_only=True)
class FileLogging(LogConfig):
    """Writes ``<log_dir>/<log_name>.log``; beside ``parsl_like.log``, ``parsl.log`` is a link to it.

    The level is INFO, not Parsl's DEBUG: a line takes about ten microseconds, and several for each task are what most
    of a fast run's time would go into. Ask for ``level=logging.DEBUG`` to see each task.

    Args:
        format_string: As in the standard library's ``logging``.
        level: The least level that is written.
    """

    format_string: str = DEFAULT_FORMAT
    level: int = logging.INFO

    def initialize_logging(self, *, log_dir: str, log_name: str) -> Callable[[], None]:
        """Log to a file, which is opened by the first line.

        Args:
            log_dir: The folder; made if it is not there.
            log_name: The file's name without its ending.

        Returns:
            A function that stops it and closes the file.

        Raises:
            OSError: the folder cannot be made.
        """
        os.makedirs(log_dir, exist_ok=True)
        link_as_parsl(log_dir, log_name, ".log")
        handler = file_handler(os.path.join(log_dir, f"{log_name}.log"), self.level)
        handler.setFormatter(logging.Formatter(self.format_string))
        return attach(logger_named(ROOT_LOGGER), handler)


def file_handler(path: str | os.PathLike[str], level: int) -> logging.Handler:
    """A handler that opens its file with the first record, appends, and fails neither on a character nor on a disk."""
    return BackgroundFileHandler(path, level)


def link_as_parsl(log_dir: str, log_name: str, ending: str) -> None:
    """Let a run's log be found under Parsl's name, too; not where links need a privilege, nor in a file's place."""
    if log_name == ROOT_LOGGER:
        with suppress(OSError, NotImplementedError):
            os.symlink(f"{ROOT_LOGGER}{ending}", os.path.join(log_dir, f"{PARSL}{ending}"))
