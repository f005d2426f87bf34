"""Files that need not be taken away, since that was done when the result of their task was remembered."""

from __future__ import annotations

from concurrent.futures import Future
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from parsl_like.remote.transfers.fetch import Moved
from parsl_like.remote.transfers.urls import shown

if TYPE_CHECKING:
    from collections.abc import Callable

SENDERS = 100
"""Functions that take files away, and are remembered: a program has a few."""


class UnlessRecalled:
    """What a task does that takes a file away: nothing, if the file has been taken away before.

    Args:
        func: Takes it away.
        join: Whether ``func`` gives a future.
    """

    def __init__(self, func: Callable[..., Any], *, join: bool) -> None:
        self.func = func
        self.join = join
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(
        self, what: Any, after: Any = None, recalled: bool = False, *, _parsl_staging_inhibit: bool = True
    ) -> Any:
        """What ``func`` gives; a transfer of nothing, in no try, if there is nothing to do.

        Args:
            what: For ``func``; it has a ``url``.
            after: What had to be waited for.
            recalled: Whether the result of the file's task is remembered from earlier.

        Raises:
            StagingError: what ``func`` raises.
        """
        if not recalled:
            return self.func(what, after, _parsl_staging_inhibit=_parsl_staging_inhibit)
        nothing = Moved(shown(str(getattr(what, "url", ""))), str(getattr(what, "path", "")), 0, 0.0, 0, {})
        if not self.join:
            return nothing
        done: Future[Moved] = Future()
        done.set_result(nothing)
        return done


@lru_cache(maxsize=SENDERS)
def unless_recalled(func: Callable[..., Any], *, join: bool) -> UnlessRecalled:
    """The same for all transfers by a function, so that it is packed and sent once."""
    return UnlessRecalled(func, join=join)
