"""When the jobs of an executor are asked after. Pure.

A question costs the batch system something, for all users of it; an answer that comes late costs this program its
nodes. So jobs are asked after seldom while their managers are connected, and often only for the short time in which
something is expected: a new job may fail at once, one whose managers have gone may be over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.jobs.row import BlockRow

FIRST_POLL_S = 1.0
"""When a new job is first asked after, at the latest; sooner where its provider may be asked often."""
CALM, LONGEST_CALM_S = 5, 60.0
"""Jobs whose managers are all connected are asked after so many times less often, but at least once in this time, and
no more often than that if their provider announces their ends. New ones are asked after so many times sooner."""
HOPELESS_POLL_S = 5.0
"""How often at least while the batch system says that a job can never start: is that so, or only for a moment?"""
ABSENT_POLL_S = 10.0
"""How often at least while an answer has left out a job none of whose managers is there: it takes some more answers
to be sure that it is gone, and tasks wait for that."""
CLOSING_POLL_S = 0.05, 1.0
"""At the end jobs are asked after this often; the pause doubles from the first to the second."""


@dataclass(slots=True)
class Pace:
    """When to ask next. Times are monotonic seconds.

    Attributes:
        period: Seconds between two questions, by the provider's wish.
        announced: Whether the provider says itself when something has become of a job.
        at: When to ask; None as long as there is no job.
        calm: Whether the managers of all blocks are connected.
    """

    period: float
    announced: bool = False
    at: float | None = None
    calm: bool = False
    _heard: bool = False
    _closing: float | None = None

    def asked(self, rows: Sequence[BlockRow], now: float) -> None:
        """A question is on its way."""
        self._heard = False
        self.at = now + self.pause(rows, now)

    def answered(self, rows: Sequence[BlockRow], now: float) -> None:
        """It came back, with an answer or without."""
        self.at = now if self._heard else now + self.pause(rows, now)
        if self._closing is not None:
            self.at = now + self._closing
            self._closing = min(2 * self._closing, CLOSING_POLL_S[1])

    def heard(self, now: float) -> None:
        """Something may have become of a job. An answer that is on its way may not know of it yet."""
        self._heard = True
        if self.at is not None:
            self.at = now

    def submitted(self, now: float) -> None:
        """There is a new job."""
        self._by(now + min(FIRST_POLL_S, self.period / CALM))

    def cancelled(self, now: float) -> None:
        """Jobs were told to end."""
        self._by(now + FIRST_POLL_S)

    def closed(self, again: float) -> None:
        """The way to where jobs are asked after is closed; it is tried again at that time, and not before."""
        if self._closing is None and self.at is not None:
            self.at = again

    def look(self, rows: Sequence[BlockRow], now: float) -> None:
        """Take note of who is connected."""
        calm = all(row.connected for row in rows)
        if self.calm and not calm and self.at is not None:
            self.at = now  # a manager has gone; its job may have, too
        self.calm = calm

    def learned(self, rows: Sequence[BlockRow], look: float | None, now: float) -> None:
        """What an answer means is known: jobs may be worth more attention than before, or less.

        Args:
            rows: The blocks, as they are now.
            look: When another answer would be worth more than at another time; None if there is no such time.
            now: Monotonic seconds.
        """
        if self._closing is not None or self._heard:
            return
        self.at = now + self.pause(rows, now)
        if look is not None and look > now:
            self._by(look)

    def close(self, now: float) -> None:
        """Everything is to end."""
        self._closing = CLOSING_POLL_S[0]
        self.at = now + self._closing

    def pause(self, rows: Sequence[BlockRow], now: float) -> float:
        """Seconds until the next question."""
        if self.calm:
            return max(self.period, LONGEST_CALM_S if self.announced else min(CALM * self.period, LONGEST_CALM_S))
        pause = self.period
        if any(row.hopeless is not None and not row.leaving for row in rows):
            pause = min(pause, HOPELESS_POLL_S)
        if any(row.misses and not row.connected for row in rows):
            pause = min(pause, ABSENT_POLL_S)
        if not any(row.connected for row in rows):
            news = max((_latest(row) for row in rows if row.job is not None), default=now)
            pause = min(pause, max(FIRST_POLL_S, now - news))
        return pause

    def _by(self, time: float) -> None:
        self.at = time if self.at is None else min(self.at, time)


def _latest(row: BlockRow) -> float:
    """When something last happened to a block that may have an early end."""
    moments = (row.waits_since, row.running_since, row.parted, row.cancel_sent, row.requested)
    return max(moment for moment in moments if moment is not None)
