"""What is known of one block. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.core.job_states import TERMINAL_STATES, JobState

if TYPE_CHECKING:
    from parsl_like.core.ids import BlockId, JobId

WAITING = frozenset({JobState.PENDING, JobState.HELD})
"""States of a job that has not started."""


@dataclass(slots=True)
class BlockRow:
    """What is known of one block. Times are monotonic seconds.

    Attributes:
        block: The block.
        requested: When it was asked for.
        job: Its job, None until the batch system has given it an id.
        state: The job's state; PENDING from the request on.
        message: The batch system's or our own words about the state.
        exit_code: The job's exit code where known.
        waits_since: Since when its job waits in the queue, this time; None if it has not been taken, or runs.
        hopeless: Why it can never start as it is, in words; None as long as it may.
        hopeless_since: Since when every answer has said so.
        running_since: When it was first seen to run, since it last waited.
        connected_since: When a manager of it was first seen connected, since it last waited; None if none was.
        ever_connected: Whether one ever was, also before its job waited again.
        connected: Whether one is connected now.
        parted: Since when all of them have been gone; None while one is connected, or if none was since it last waited.
        draining: Whether its managers have said that they take nothing new, because the block is about to end. One
            whose job waits again, or whose managers come back, is not.
        worked: Whether it has finished a task; None if its executor does not tell.
        cancel_asked: When we first asked for its end; None if we did not.
        cancel_sent: When we last asked the batch system for it.
        accepted: Whether the batch system has said that it ends it.
        given_up: Why we asked for it, in words, where it was not for want of work.
        drain_asked: When its managers were told to take nothing new.
        ended: When it was over.
        seen: When the batch system last said how it is; until it does, when it took it.
        heard: When it last mentioned it at all, if only to say that it does not know, or in words nobody understands.
        known: Whether it ever said how it is.
        misses: Answers in a row in which it was absent.
    """

    block: BlockId
    requested: float
    job: JobId | None = None
    state: JobState = JobState.PENDING
    message: str | None = None
    exit_code: int | None = None
    waits_since: float | None = None
    hopeless: str | None = None
    hopeless_since: float | None = None
    running_since: float | None = None
    connected_since: float | None = None
    ever_connected: bool = False
    connected: bool = False
    parted: float | None = None
    draining: bool = False
    worked: bool | None = None
    cancel_asked: float | None = None
    cancel_sent: float | None = None
    accepted: bool = False
    given_up: str | None = None
    drain_asked: float | None = None
    ended: float | None = None
    seen: float = 0.0
    heard: float = 0.0
    known: bool = False
    misses: int = 0

    @property
    def over(self) -> bool:
        """Whether the block's state is final."""
        return self.state in TERMINAL_STATES

    @property
    def leaving(self) -> bool:
        """Whether we have asked for its end in one way or the other."""
        return self.cancel_asked is not None or self.drain_asked is not None

    @property
    def staying(self) -> bool:
        """Whether it is there to work, or to begin to, for as long as can be said."""
        return not (self.over or self.leaving or self.draining)

    @property
    def stillborn(self) -> bool:
        """Whether it ended, unasked, without any manager having connected since it last waited."""
        return self.over and self.connected_since is None and not self.leaving

    @property
    def lost_at(self) -> float | None:
        """When it was over, or, if its job came to be only after that, when it did; None if it is not over."""
        return None if self.ended is None else max(self.ended, self.heard)

    @property
    def lifetime(self) -> float | None:
        """Seconds for which managers were connected since it last waited, as far as was seen; None if none was."""
        if self.connected_since is None or self.ended is None:
            return None
        return (self.ended if self.parted is None else self.parted) - self.connected_since
