"""A task's function together with the files that it wants and makes."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from parsl_like.remote.transfers.fetch import Moved, fetch, send
from parsl_like.remote.transfers.limits import DEFAULT, Limits
from parsl_like.remote.transfers.places import has_come, once, stays_inside
from parsl_like.remote.transfers.progress import told

if TYPE_CHECKING:
    from collections.abc import Callable


class Bring(NamedTuple):
    """A file to be brought before the function is called.

    Attributes:
        url: Where it is.
        path: Where it shall be.
        token: By which it is known that it has been brought.
        limits: How long and how often to try.
    """

    url: str
    path: str
    token: str
    limits: Limits = DEFAULT

    def before(self) -> None:
        """Bring it, unless it is here already.

        Raises:
            StagingError: it cannot be brought.
        """
        once(self.path, self.token, lambda: told(self.url, self.path, self._fetched))

    def after(self) -> None:
        """Nothing."""

    def _fetched(self) -> Moved:
        return fetch(self.url, self.path, self.limits)


class Fill(NamedTuple):
    """A file that another task makes here, unless its result is remembered; the parts are those of :class:`Bring`."""

    url: str
    path: str
    token: str
    limits: Limits = DEFAULT

    def before(self) -> None:
        """Bring it if it is not here.

        Raises:
            StagingError: it cannot be brought.
        """
        if not os.path.exists(self.path):
            Bring(*self).before()

    def after(self) -> None:
        """Nothing."""


class Take(NamedTuple):
    """A file to be taken away when the function has returned; the parts are those of :class:`Bring`."""

    url: str
    path: str
    token: str
    limits: Limits = DEFAULT

    def before(self) -> None:
        """Make the directory that it will be in."""
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)

    def after(self) -> None:
        """Send it.

        Raises:
            StagingError: it is not there, or cannot be sent.
        """
        told(self.url, self.path, lambda: send(self.path, self.url, self.limits))
        has_come(self.path, self.token)


class Room(NamedTuple):
    """A directory for a file that another task will take away.

    Attributes:
        path: The file.
        folder: The place that it must not leave.
        url: Where the file will go.
    """

    path: str
    folder: str
    url: str

    def before(self) -> None:
        """Make it.

        Raises:
            StagingError: it is outside of its place.
        """
        stays_inside(self.folder, self.path, self.url)
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)

    def after(self) -> None:
        """Nothing."""


Step = Bring | Fill | Take | Room

CARRIERS = 1000
"""Functions whose carrier is remembered."""


class Carrier:
    """Calls a function between the steps that bring its files and those that take them away.

    It is the same for all calls of an app, which say their steps by a keyword: so it is packed and sent once.

    Args:
        func: What to call.
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, *args: Any, _parsl_like_steps: tuple[Step, ...] = (), **kwargs: Any) -> Any:
        """What the function returns or raises.

        Raises:
            StagingError: a file could not be brought, so that it was not called, or not be taken away.
        """
        for step in _parsl_like_steps:
            step.before()
        result = self.func(*args, **kwargs)
        for step in _parsl_like_steps:
            step.after()
        return result


@lru_cache(maxsize=CARRIERS)
def _carrier(func: Callable[..., Any]) -> Carrier:
    return Carrier(func)


class Staged:
    """A function together with the steps of one call.

    Args:
        func: What to call.
        steps: In the order in which they were asked for.
    """

    def __init__(self, func: Callable[..., Any], steps: tuple[Step, ...]) -> None:
        self.func = func
        self.steps = steps
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns or raises.

        Raises:
            StagingError: a file could not be brought, so that it was not called, or not be taken away.
        """
        return Carrier(self.func)(*args, _parsl_like_steps=self.steps, **kwargs)

    def apart(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        """The same as a function that all calls of the app share, and keywords that are this call's own."""
        try:
            carrier = _carrier(self.func)
        except TypeError:  # it cannot be hashed
            carrier = Carrier(self.func)
        return carrier, {"_parsl_like_steps": self.steps}

    def __repr__(self) -> str:
        return f"<{self.__name__} with {len(self.steps)} transfers>"


def staged(func: Callable[..., Any], step: Step) -> Staged:
    """The function with one more step; a function with a thousand is no deeper than with one."""
    if isinstance(func, Staged):
        return func if step in func.steps else Staged(func.func, (*func.steps, step))
    return Staged(func, (step,))


def fetch_file(bring: Bring, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Moved:
    """What a task does that fetches a file for others.

    Args:
        bring: The file.
        after: What it had to wait for.

    Raises:
        StagingError: it cannot be brought.
    """
    return fetch(bring.url, bring.path, bring.limits)


def send_file(take: Take, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Moved:
    """What a task does that sends a file which another has made.

    Args:
        take: The file.
        after: What it had to wait for.

    Raises:
        StagingError: it is not there, or cannot be sent.
    """
    return send(take.path, take.url, take.limits)
