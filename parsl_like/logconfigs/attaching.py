"""Attaching handlers to the package's loggers, and taking them off without a trace."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT_LOGGER = "parsl_like"
"""The name of the logger above all loggers of the package."""
PARSL = "parsl"

_lock = threading.Lock()
_attached: dict[logging.Logger, tuple[int, list[logging.Handler]]] = {}
"""By logger: its level before the first handler, and the handlers that are on it now."""


def logger_named(name: str) -> logging.Logger:
    """The logger of a name; "parsl" and what lies below it are other names for this package's."""
    if name == PARSL or name.startswith(f"{PARSL}."):
        name = ROOT_LOGGER + name.removeprefix(PARSL)
    return logging.getLogger(name)


def attach(logger: logging.Logger, handler: logging.Handler) -> Callable[[], None]:
    """Put a handler on a logger and open the logger's level for it.

    While several handlers are on a logger, it lets through what the most talkative of them wants; each one still
    takes only what its own level says.

    Args:
        logger: The logger.
        handler: The handler, with its level set.

    Returns:
        A function that takes the handler off, closes it, and after the last one puts the logger's level back. It may
        be called more than once.
    """
    with _lock:
        before, handlers = _attached.setdefault(logger, (logger.level, []))
        handlers.append(handler)
        logger.addHandler(handler)
        logger.setLevel(min(h.level for h in handlers))

    def detach() -> None:
        with _lock:
            if handler not in handlers:
                return
            handlers.remove(handler)
            logger.removeHandler(handler)
            if handlers:
                logger.setLevel(min(h.level for h in handlers))
            else:
                logger.setLevel(before)
                _attached.pop(logger, None)
        handler.close()

    return detach
