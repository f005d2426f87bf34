"""No log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.core.arguments import spelled
from parsl_like.logconfigs.base import LogConfig

if TYPE_CHECKING:
    from collections.abc import Callable


@spelled()
@dataclass
class NoopLogging(LogConfig):
    """Leaves logging to the program: no file, no handler, no level is changed."""

    def initialize_logging(self, *, log_dir: str, log_name: str) -> Callable[[], None]:
        """Do nothing; gives a function that does nothing."""
        return lambda: None
