"""When to wait before the next block is asked for, how many to ask for then, and when to give up asking. Pure.

A batch system that refuses, or takes blocks that die at once, is not asked again and again: waits double from one
second to a minute, spread so that several programs do not ask in step. What goes wrong during a wait belongs to what
began it, so ten blocks refused together are one refusal. After trouble one block at a time is asked for, until it
shows that the trouble is over (M. Nygard, "Release It!", calls this a circuit breaker that is half open). Giving up is
for the case that nothing works at all: whoever uses this asks for the verdict only when there is no block left.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
LONGEST_HOPELESS_WAIT_S = 900.0
"""The longest wait where blocks that are taken can never start: that passes when somebody changes something."""
TRANSIENT_REFUSALS, PERMANENT_REFUSALS = 6, 3
"""Refusals in a row after which to give up; the second kind says itself that trying again makes no sense."""
REFUSED_FOR_S = 45.0
"""Refusals for so long are enough, however few they are: a batch system may take its time over each."""
HOPELESS_WAITS = 2
"""Blocks in a row that could never have started, after which to give up although others have worked before."""
STILLBIRTHS = 3
"""Blocks in a row that ended before a manager had connected, after which to give up."""
STILLBORN_FOR_S = 120.0
"""If blocks have worked before, they must have ended so for so long: a network that is away for a while comes back."""
FRUITLESS_BLOCKS = 5
"""Blocks in a row that died without having finished a task, after which to give up. More than the times that a task may
be lost with its block: one task that kills every block it gets fails alone."""
STEADY_AFTER_S = 10.0
"""A block that has been connected for so long shows that blocks can be had."""


@dataclass(slots=True)
class Breaker:
    """What went wrong since something last went right.

    Attributes:
        retry_at: No block is to be asked for before this time (monotonic seconds).
        refusals: Refused submissions in a row.
        hopeless: Blocks in a row that were taken, waited, and could never have started.
        stillbirths: Blocks in a row that ended before a manager had connected.
        fruitless: Blocks in a row that died after one had connected, but without having finished a task.
        short_lives: Blocks in a row that ended soon after one had connected.
        strikes: Everything that went wrong since a block was last steady; sets the next wait.
        struck_at: When something last went wrong.
        last: The last thing that went wrong, in words.
    """

    retry_at: float = 0.0
    refusals: int = 0
    hopeless: int = 0
    stillbirths: int = 0
    fruitless: int = 0
    short_lives: int = 0
    strikes: int = 0
    struck_at: float = float("-inf")
    last: str = ""
    _first_refusal: float = 0.0
    _permanent: bool = True
    _first_stillbirth: float = 0.0
    _has_worked: bool = False

    @property
    def in_doubt(self) -> bool:
        """Whether it is yet to be shown that the next block will be better than the last."""
        return bool(self.refusals or self.hopeless or self.stillbirths or self.fruitless or self.short_lives)

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

    def waited_in_vain(self, reason: str, *, now: float, jitter: float) -> None:
        """A block was given up that the batch system had taken, but would never have started."""
        if self._strike(reason, now, jitter, LONGEST_HOPELESS_WAIT_S) or not self.hopeless:
            self.hopeless += 1

    def stillborn(self, reason: str, *, now: float, jitter: float) -> None:
        """A block ended, or was given up, before a manager had connected."""
        if not self.stillbirths:
            self._first_stillbirth = now
        self.stillbirths += 1
        self._strike(reason, now, jitter)

    def died_fruitless(self, reason: str, *, now: float, jitter: float) -> None:
        """A block died after a manager had connected, but before it had finished a task."""
        self.fruitless += 1
        self._strike(reason, now, jitter)

    def short_lived(self, reason: str, *, now: float, jitter: float) -> None:
        """A block ended soon after a manager had connected; reason to wait, but not to give up."""
        self.short_lives += 1
        self._strike(reason, now, jitter)

    def _strike(self, reason: str, now: float, jitter: float, longest: float = LONGEST_WAIT_S) -> bool:
        """Begin a wait; False if one is going on."""
        self.last, self.struck_at = reason, now
        if now < self.retry_at:
            return False
        self.strikes += 1
        wait = min(longest, FIRST_WAIT_S * 2.0 ** min(self.strikes - 1, 16))
        self.retry_at = now + wait * (0.75 + 0.5 * jitter)
        return True

    def submitted(self) -> None:
        """A submission was taken."""
        self.refusals = 0

    def connected(self) -> None:
        """A manager of a new block has connected."""
        self.stillbirths = self.hopeless = 0
        self._has_worked = True

    def worked(self) -> None:
        """A block has finished its first task."""
        self.fruitless = self.short_lives = 0

    def steady(self) -> None:
        """A block has been connected for :data:`STEADY_AFTER_S`."""
        self.strikes = self.short_lives = 0
        self.retry_at = 0.0

    def retry_due(self, *, nothing_left: bool) -> float:
        """When the next block may be asked for.

        Args:
            nothing_left: Whether there is no block at all: then nobody waits for long.
        """
        return min(self.retry_at, self.struck_at + LONGEST_WAIT_S) if nothing_left else self.retry_at

    def verdict(self, now: float) -> str | None:
        """Why to give up, in words; None while there is hope."""
        limit = PERMANENT_REFUSALS if self._permanent else TRANSIENT_REFUSALS
        refused_for = now - self._first_refusal
        if self.refusals >= limit or (self.refusals > 1 and refused_for >= REFUSED_FOR_S):
            return f"{self.refusals} submissions in a row were refused in {refused_for:.0f} s; the last: {self.last}"
        if self.hopeless >= (HOPELESS_WAITS if self._has_worked else 1):
            return self.last
        patience = STILLBORN_FOR_S if self._has_worked else 0.0
        if self.stillbirths >= STILLBIRTHS and now - self._first_stillbirth >= patience:
            return f"{self.stillbirths} blocks in a row ended before a manager had connected; the last: {self.last}"
        if self.fruitless >= FRUITLESS_BLOCKS:
            return f"{self.fruitless} blocks in a row ended without having finished a task; the last: {self.last}"
        return None
