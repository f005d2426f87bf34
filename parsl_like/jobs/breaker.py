"""When to wait before the next block is asked for, and when to give up asking. Pure.

A batch system that refuses, or takes blocks that die at once, is not asked again and again: waits double from one
second to a minute, spread so that several programs do not ask in step. What goes wrong during a wait belongs to what
began it, so ten blocks refused together are one refusal. Giving up is for the case that nothing works at all: whoever
uses this asks for the verdict only when there is no block left.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
TRANSIENT_REFUSALS, PERMANENT_REFUSALS = 6, 3
"""Refusals in a row after which to give up; the second kind says itself that trying again makes no sense."""
REFUSED_FOR_S = 45.0
"""Refusals for so long are enough, however few they are: a batch system may take its time over each."""
STILLBIRTHS = 3
"""Blocks in a row that ended before a manager had connected, after which to give up."""
STILLBORN_FOR_S = 120.0
"""If blocks have worked before, they must have ended so for so long: a network that is away for a while comes back."""
STEADY_AFTER_S = 10.0
"""A block that has been connected for so long shows that blocks can be had."""


@dataclass(slots=True)
class Breaker:
    """What went wrong since something last went right.

    Attributes:
        retry_at: No block is to be asked for before this time (monotonic seconds).
        refusals: Refused submissions in a row.
        stillbirths: Blocks in a row that ended before a manager had connected.
        strikes: Everything that went wrong since a block was last steady; sets the next wait.
        last: The last thing that went wrong, in words.
    """

    retry_at: float = 0.0
    refusals: int = 0
    stillbirths: int = 0
    strikes: int = 0
    last: str = ""
    _first_refusal: float = 0.0
    _permanent: bool = True
    _first_stillbirth: float = 0.0
    _has_worked: bool = False

    def refused(self, reason: str, *, transient: bool, since: float, now: float, jitter: float) -> None:
        """A submission was refused.

        Args:
            reason: The batch system's words.
            transient: Whether trying again makes sense.
            since: When the block was asked for.
            now: Monotonic seconds.
            jitter: A random number from 0 to 1.
        """
        if not self.refusals:
            self._first_refusal, self._permanent = since, True
        self._permanent = self._permanent and not transient
        if self._strike(reason, now, jitter) or not self.refusals:
            self.refusals += 1
        enough = self._first_refusal + REFUSED_FOR_S
        if now < enough:  # the last try comes then, not a long wait later
            self.retry_at = min(self.retry_at, enough)

    def stillborn(self, reason: str, *, now: float, jitter: float) -> None:
        """A block ended, or was given up, before a manager had connected."""
        if not self.stillbirths:
            self._first_stillbirth = now
        self.stillbirths += 1
        self._strike(reason, now, jitter)

    def short_lived(self, reason: str, *, now: float, jitter: float) -> None:
        """A block ended soon after a manager had connected; reason to wait, but not to give up."""
        self._strike(reason, now, jitter)

    def _strike(self, reason: str, now: float, jitter: float) -> bool:
        """Begin a wait; False if one is going on."""
        self.last = reason
        if now < self.retry_at:
            return False
        self.strikes += 1
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self.strikes - 1, 16))
        self.retry_at = now + wait * (0.75 + 0.5 * jitter)
        return True

    def submitted(self) -> None:
        """A submission was taken."""
        self.refusals = 0

    def connected(self) -> None:
        """A manager of a new block has connected."""
        self.stillbirths = 0
        self._has_worked = True

    def steady(self) -> None:
        """A block has been connected for :data:`STEADY_AFTER_S`."""
        self.strikes = 0
        self.retry_at = 0.0

    def verdict(self, now: float) -> str | None:
        """Why to give up, in words; None while there is hope."""
        limit = PERMANENT_REFUSALS if self._permanent else TRANSIENT_REFUSALS
        refused_for = now - self._first_refusal
        if self.refusals >= limit or (self.refusals > 1 and refused_for >= REFUSED_FOR_S):
            return f"{self.refusals} submissions in a row were refused in {refused_for:.0f} s; the last: {self.last}"
        patience = STILLBORN_FOR_S if self._has_worked else 0.0
        if self.stillbirths >= STILLBIRTHS and now - self._first_stillbirth >= patience:
            return f"{self.stillbirths} blocks in a row ended before a manager had connected; the last: {self.last}"
        return None
