"""What a way to log has to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from parsl_like.core.description import Description

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class LogConfig(Description):
    """The base of the ways to log; a value that touches nothing until a run begins."""

    def initialize_logging(self, *, log_dir: str, log_name: str) -> Callable[[], None]:
        """Begin to log.

        Args:
            log_dir: The folder for log files; made if it is not there.
            log_name: The name of the log, without an ending.

        Returns:
            A function that ends it, closes its files and may be called more than once. A class of a program's own may
            return None if there is nothing to end.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to log.")

    def sealed(self) -> Self:
        """A checked copy that refuses assignments; an object of a program's own plain class is checked and shared."""
        if "__dataclass_fields__" in vars(type(self)):
            return super().sealed()
        self.check()
        return self
