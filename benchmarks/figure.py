"""What is measured, what it is compared with, and what it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Results = Mapping[str, Mapping[str, float]]
"""Measured values by engine and key."""

RIVALS: Mapping[str, Mapping[str, str]] = {
    "htex": {
        "parsl": "parsl htex",
        "parsl tuned": "parsl htex tuned",
        "process pool": "process pool",
        "mpire": "mpire",
        "floor": "floor",
    },
    "threads": {"parsl": "parsl threads", "floor": "thread pool"},
}
"""For each engine of ours the columns it is compared in, and the engines that stand there."""


@dataclass(frozen=True)
class Bound:
    """A limit on a figure: a number, or a multiple of what a rival reaches in the same run.

    Attributes:
        factor: The number, or how many times the rival's figure.
        rival: The rival's column; empty for a plain number.
    """

    factor: float
    rival: str = ""

    def value(self, figure: Figure, results: Results) -> float | None:
        """The limit; None if the rival was not measured."""
        if not self.rival:
            return self.factor
        measured = figure.rival(self.rival, results)
        return None if measured is None else self.factor * measured

    def __str__(self) -> str:
        return f"{self.factor:,g} x {self.rival}" if self.rival else f"{self.factor:,g}"


@dataclass(frozen=True)
class Figure:
    """One line of a table.

    Attributes:
        key: Name of the value in what an engine's measurement gives.
        label: Name for the reader, with the unit.
        better: Whether more or less is better.
        digits: Digits behind the point.
        target: Limits that have to be kept, all of them.
        goal: Limits that would be reached in the end.
        subject: The engine of ours that it is about.
    """

    key: str
    label: str
    better: Literal["more", "less"] = "more"
    digits: int = 0
    target: tuple[Bound, ...] = ()
    goal: tuple[Bound, ...] = ()
    subject: str = "htex"

    def own(self, results: Results) -> float | None:
        """What was measured of ours."""
        return results.get(self.subject, {}).get(self.key)

    def rival(self, column: str, results: Results) -> float | None:
        """What was measured of the engine in a column."""
        return results.get(RIVALS[self.subject].get(column, ""), {}).get(self.key)

    def times_better(self, other: float, results: Results) -> float | None:
        """How many times better ours is than another value; above 1 is better, whether more or less is."""
        own = self.own(results)
        if own is None or other <= 0 or own <= 0:
            return None
        return own / other if self.better == "more" else other / own

    def limits(self, bounds: Sequence[Bound]) -> str:
        """Limits in words."""
        return " and ".join(f"{'>=' if self.better == 'more' else '<='} {bound}" for bound in bounds)

    def met(self, bounds: Sequence[Bound], results: Results) -> bool | None:
        """Whether ours keeps all limits; None if that cannot be said, as something was not measured."""
        own, limits = self.own(results), [bound.value(self, results) for bound in bounds]
        if own is None or not limits:
            return None
        known = [limit for limit in limits if limit is not None]
        kept = all(own >= limit if self.better == "more" else own <= limit for limit in known)
        return kept if not kept or len(known) == len(limits) else None

    def reached(self, bounds: Sequence[Bound], results: Results) -> float | None:
        """The part of the way to the hardest of some limits: 1 where it is kept exactly."""
        limits = [bound.value(self, results) for bound in bounds]
        parts = [self.times_better(limit, results) for limit in limits if limit is not None]
        return min((part for part in parts if part is not None), default=None)
