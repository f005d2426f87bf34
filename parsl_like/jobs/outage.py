"""The time in which the way to where blocks are had is closed: when to try it again, and when to give up. Pure.

A provider's commands may have to be run on another machine, and the connection to that may be lost for good. As long as
blocks work, that only costs news of them. Where none works, tasks wait for what nobody can bring: whoever uses this
asks for the verdict then. It needs a try that has just failed, so that nobody is judged by old news.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from parsl_like.jobs.breaker import LONGEST_WAIT_S, PERMANENT_REFUSALS, STILLBORN_FOR_S

CLOSED_FOR_S = STILLBORN_FOR_S
"""For how long, in several tries, a way must have been closed: a network that is away for a while comes back."""
FIRST_PAUSE_S, FIRST_PAUSE_REFUSED_S = 1.0, 5.0
"""Pauses double; the second is for a machine that refuses the login, or is not the one that is known."""
LONGEST_PAUSE_REFUSED_S = 300.0
"""Many refused logins lock an account."""


@dataclass(slots=True)
class Outage:
    """What has been tried in vain since a call last came through. All times are monotonic seconds.

    Attributes:
        since: When the way was first found closed, or when tasks began to wait after that; None while it is open.
        failures: Tries in vain since then.
        refusals: Tries in a row of which each said that it will not pass by itself.
        last: What the last one said.
        again: When to try again; infinity while the way is open.
    """

    since: float | None = None
    failures: int = 0
    refusals: int = 0
    last: str = ""
    again: float = math.inf
    _pauses: int = 0

    @property
    def goes_on(self) -> bool:
        """Whether the last call that says something about the way did not come through."""
        return self.since is not None

    @property
    def login_due(self) -> float:
        """Before this time nothing is to be tried that can wait, since a login was refused."""
        return self.again if self.refusals else 0.0

    def failed(self, reason: str, *, transient: bool, now: float) -> bool:
        """A call did not come through.

        Args:
            reason: Why, in words.
            transient: Whether that may pass by itself.
            now: Monotonic seconds.

        Returns:
            Whether that is news of another kind than before.
        """
        news = self.since is None or (self.refusals == 0) is not transient
        if news:
            self._pauses = 0
        self.since = now if self.since is None else self.since
        self.failures += 1
        self.refusals = 0 if transient else self.refusals + 1
        self.last = reason
        first, longest = (
            (FIRST_PAUSE_S, LONGEST_WAIT_S) if transient else (FIRST_PAUSE_REFUSED_S, LONGEST_PAUSE_REFUSED_S)
        )
        self.again = now + min(longest, first * 2.0 ** min(self._pauses, 16))
        self._pauses += 1
        enough = self.since + CLOSED_FOR_S
        if now < enough:  # the last try comes then, not a long pause later
            self.again = min(self.again, enough)
        return news

    def wanted(self, now: float) -> None:
        """Tasks begin to wait: what was found before they came is not held against them."""
        if self.since is not None:
            self.since, self.failures, self._pauses = now, 0, 0
            self.refusals = min(self.refusals, 1)
            self.again = now

    def over(self, now: float) -> float | None:
        """A call has come through.

        Returns:
            Seconds for which none had; None if there was no outage.
        """
        since, self.since = self.since, None
        self.failures = self.refusals = self._pauses = 0
        self.last, self.again = "", math.inf
        return None if since is None else now - since

    def verdict(self, now: float) -> str | None:
        """Why to give up, in words; None while there is hope."""
        if self.since is None:
            return None
        closed_for = now - self.since
        if self.refusals >= PERMANENT_REFUSALS:
            return f"{self.refusals} tries in a row, in {closed_for:.0f} s, said that it will not pass: {self.last}"
        if self.failures > 1 and closed_for >= CLOSED_FOR_S:
            return f"{self.failures} tries in {closed_for:.0f} s were in vain; the last: {self.last}"
        return None
