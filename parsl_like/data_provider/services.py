"""What staging providers keep for a whole run, and the ends of what it does."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from parsl_like.errors import StagingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.data_provider.files import File

logger = logging.getLogger(__name__)


class Service(Protocol):
    """Something that lives as long as a run."""

    def close(self, deadline: float) -> None:
        """End it, until a moment in monotonic seconds."""


Served = TypeVar("Served", bound=Service)


class Services:
    """One of each name, made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._there: dict[str, Service] = {}

    def get(self, name: str, make: Callable[[], Served]) -> Served:
        """The one of a name.

        Raises:
            Exception: what ``make`` raises; the next who asks has it made then.
        """
        with self._lock:
            found: Any = self._there.get(name)
            if found is None:
                found = self._there[name] = make()
        served: Served = found
        return served

    def close(self, deadline: float) -> None:
        """Close them all; one that fails is logged."""
        with self._lock:
            there = list(self._there.items())
        for name, service in there:
            try:
                service.close(deadline)
            except Exception:  # a provider's own, perhaps a user's; the others have to be closed too
                logger.exception("the service %r of a staging provider could not be closed", name)


class TransferFuture(Future[Any]):
    """Ends as a join task does that moves a file, but with the transfer's own error, not with that of the join.

    Args:
        joined: The task's future.
        file: The file.
    """

    def __init__(self, joined: Future[Any], file: File) -> None:
        super().__init__()
        self.tid = getattr(joined, "tid", None)
        self._joined, self._file = joined, file
        joined.add_done_callback(self._follow)

    def cancel(self) -> bool:
        """Cancel the task."""
        return self._joined.cancel()

    def _follow(self, joined: Future[Any]) -> None:
        if joined.cancelled():
            Future.cancel(self)
            self.set_running_or_notify_cancel()
            return
        error = joined.exception()
        if error is None:
            self.set_result(joined.result())
        else:
            self.set_exception(self._cause(error))

    def _cause(self, error: BaseException) -> BaseException:
        from parsl_like.remote.transfers.urls import shown

        causes: list[Any] = list(getattr(error, "dependent_exceptions_tids", ()))
        if len(causes) == 1 and isinstance(causes[0][0], StagingError) and causes[0][0].url == shown(self._file.url):
            cause: StagingError = causes[0][0]
            return cause
        return error
