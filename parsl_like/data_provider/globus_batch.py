"""Files that wait for Globus, and those that travel in one of its tasks: what is done with them and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from parsl_like.data_provider.globus_link import Look, Order, Route


@dataclass(frozen=True)
class Tempo:
    """How often Globus is bothered. Times are in seconds.

    Attributes:
        linger: How long after an order the next one for the same route is waited for.
        longest_linger: How long the first of them may be kept waiting by that.
        first_look: How long a task is left alone at first; from one look to the next it is half as long again.
        longest_look: The longest of these times.
        first_wait: How long nothing is asked after an error that may pass; it is doubled each time.
        longest_wait: The longest of these times.
        files: Files of one task at most.
        tasks: Tasks at once; Globus works on three of a user's, and keeps the others waiting.
        tries: Tasks in which a file may travel that fail because of others.
        progress: Between two records of how far a task is.
    """

    linger: float = 0.5
    longest_linger: float = 10.0
    first_look: float = 1.0
    longest_look: float = 30.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    files: int = 1000
    tasks: int = 3
    tries: int = 3
    progress: float = 10.0


class Carried(NamedTuple):
    """What came of an order.

    Attributes:
        url: The file.
        path: Where tasks see it.
        size: Its bytes; None where that is not known.
        seconds: From the order to the end.
        tries: Tasks of Globus that it took.
    """

    url: str
    path: str
    size: int | None
    seconds: float
    tries: int


@dataclass(eq=False)
class Parcel:
    """An order on its way.

    Attributes:
        order: The file.
        future: Who waits for it.
        begun: When it was ordered, in monotonic seconds.
        tries: Tasks in which it has been.
    """

    order: Order
    future: Future[Carried]
    begun: float
    tries: int = 0


@dataclass(eq=False)
class Batch:
    """Parcels that travel in one task of Globus. Times are in monotonic seconds.

    Attributes:
        route: From where to where.
        parcels: At least one.
        due: When something has to be done about it.
        news: When it last got on.
        heard: When Globus last answered about it.
        submission: The id of its submission; None until there is one.
        task: Its task's id; None until it has been submitted.
        begun: When it was.
        pause: Between the last look and the next, or between an error and the next try.
        look: The last state.
        faulty: Since when it has had a fault; None if it has none.
        told: When its progress was last recorded.
        ending: How it ended, or what became of it, if it did not do its work; "" before.
        cancelled: Whether it was cancelled.
    """

    route: Route
    parcels: list[Parcel]
    due: float
    news: float
    heard: float
    submission: str | None = None
    task: str | None = None
    begun: float = 0.0
    pause: float = 0.0
    look: Look | None = None
    faulty: float | None = None
    told: float = 0.0
    ending: str = ""
    cancelled: bool = False

    def see(self, look: Look, now: float) -> bool:
        """Note a state; gives whether a fault has just appeared."""
        if self.look is None or (look.moved, look.files) != (self.look.moved, self.look.files):
            self.news = now
        new = bool(look.fault) and (self.look is None or look.fault != self.look.fault)
        if not look.fault and look.status == "ACTIVE":
            self.faulty = None
        elif self.faulty is None:
            self.faulty = now
        self.look = look
        return new

    def verdict(self, now: float) -> str:
        """Why it is given up though it has not ended; "" to let it go on."""
        terms, look = self.route.terms, self.look
        if terms.total is not None and now - self.begun > terms.total:
            return f"took longer than {terms.total:g} s and was cancelled"
        if look is None:
            return ""
        if look.is_hopeless:
            return "cannot go on and was cancelled"
        if self.faulty is not None and now - max(self.faulty, self.news) > terms.patience:
            state = "has waited for somebody" if look.status == "INACTIVE" else "has not got on"
            return f"{state} for {terms.patience:g} s and was cancelled"
        return ""


class Gathering:
    """Parcels that wait for others of the same route.

    Args:
        tempo: How long.
    """

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo
        self._waiting: dict[Route, list[Parcel]] = {}
        self._since: dict[Route, tuple[float, float]] = {}

    def add(self, parcel: Parcel, now: float) -> None:
        """One more."""
        route = parcel.order.route
        self._waiting.setdefault(route, []).append(parcel)
        self._since[route] = (self._since.get(route, (now, now))[0], now)

    def due(self) -> float | None:
        """When the next batch may leave; None if nothing waits."""
        return min(map(self._due_of, self._waiting), default=None)

    def leave(self, now: float, room: int) -> list[Batch]:
        """The batches that leave now, ``room`` of them at most, those first that have waited longest."""
        batches: list[Batch] = []
        for route in sorted(self._waiting, key=lambda route: self._since[route][0]):
            while len(batches) < room and route in self._waiting and self._due_of(route) <= now:
                parcels = self._waiting[route]
                most = self._tempo.files
                batches.append(Batch(route, parcels[:most], now, now, now))
                if parcels[most:]:
                    self._waiting[route] = parcels[most:]
                else:
                    del self._waiting[route], self._since[route]
        return batches

    def all(self) -> list[Parcel]:
        """Everything that waits; nothing does afterwards."""
        parcels = [parcel for waiting in self._waiting.values() for parcel in waiting]
        self._waiting.clear()
        self._since.clear()
        return parcels

    def _due_of(self, route: Route) -> float:
        first, last = self._since[route]
        if len(self._waiting[route]) >= self._tempo.files:
            return first
        return min(last + self._tempo.linger, first + self._tempo.longest_linger)


def at_fault(parcels: Iterable[Parcel], faults: Sequence[str]) -> list[Parcel]:
    """Those whose paths are named by faults."""
    text = "\n".join(faults)
    return [
        parcel
        for parcel in parcels
        if any(
            re.search(rf"{re.escape(path)}(?![\w/-]|\.\w)", text) for path in (parcel.order.source, parcel.order.target)
        )
    ]
