"""A log of JSON lines in the run directory, for programs to read."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.core.arguments import spelled
from parsl_like.logconfigs.attaching import ROOT_LOGGER, attach, logger_named
from parsl_like.logconfigs.base import LogConfig
from parsl_like.logconfigs.file import file_handler, link_as_parsl

if TYPE_CHECKING:
    from collections.abc import Callable

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@spelled()
@dataclass(kw_only=True)
class JSONLogging(LogConfig):
    """Writes ``<log_dir>/<log_name>.jsonlog``: one object for each line of a log, with the ids it is about.

    The names of its members are Parsl's, and so is ``parsl.jsonlog``, a link beside ``parsl_like.jsonlog``.

    Args:
        level: The least level that is written; INFO for the reason that :class:`FileLogging` gives.
    """

    level: int = logging.INFO

    def initialize_logging(self, *, log_dir: str, log_name: str) -> Callable[[], None]:
        """Log to a file, which is opened by the first line; as :meth:`FileLogging.initialize_logging`."""
        os.makedirs(log_dir, exist_ok=True)
        link_as_parsl(log_dir, log_name, ".jsonlog")
        handler = file_handler(os.path.join(log_dir, f"{log_name}.jsonlog"), self.level)
        handler.setFormatter(JSONFormatter())
        return attach(logger_named(ROOT_LOGGER), handler)


class JSONFormatter(logging.Formatter):
    """Makes one line of JSON of a record; what was passed as ``extra`` (task, block, job, ...) are members too.

    The task's number is also the text ``parsl.task``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; what JSON cannot say becomes its repr."""
        said: dict[str, Any] = {
            "created": record.created,
            "levelname": record.levelname,
            "name": record.name,
            "msg": str(record.msg),
            "formatted": record.getMessage(),
            "process": record.process,
            "processName": record.processName,
            "thread": record.thread,
            "threadName": record.threadName,
            "pathname": record.pathname,
            "lineno": record.lineno,
            "funcname": record.funcName,
        }
        if hasattr(record, "task"):
            said["parsl.task"] = str(record.task)
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            said["stack"] = self.formatStack(record.stack_info)
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in said}
        try:
            return json.dumps(said | extra, default=repr)
        except (TypeError, ValueError):  # keys that are no text, or an object that contains itself
            return json.dumps(said | {name: repr(value) for name, value in extra.items()})
