"""The blocks of one executor in motion: carries out what the controller wants, and brings it the outcome.

Everything here runs on the jobs thread but the calls of the provider, which run in its lane.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.channels.errors import lost_connection
from parsl_like.errors import BadStateException
from parsl_like.jobs.chronicle import Chronicle
from parsl_like.jobs.controller import BlockController
from parsl_like.jobs.diagnosis import Evidence, explain
from parsl_like.jobs.effects import Cancel, Condemn, Drain, Effect, Ended, Note, Submit
from parsl_like.jobs.judgement import Accused, statuses
from parsl_like.jobs.lane import Call, Lane, ProviderSilent, Withdrawn
from parsl_like.jobs.pace import CLOSING_POLL_S, Pace
from parsl_like.jobs.patience import Patience
from parsl_like.providers.announcing import AnnouncingSession
from parsl_like.providers.dialect import Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.core.limits import BlockLimits
    from parsl_like.core.ports import Clock, ElasticSession, ProviderSession
    from parsl_like.core.records import Record
    from parsl_like.errors import ChannelError
    from parsl_like.jobs.options import SupplyOptions
    from parsl_like.jobs.policy import ScalingPolicy
    from parsl_like.providers.status import JobStatus

logger = logging.getLogger(__name__)

KILL_AFTER_S = 5.0
"""When, at the end, jobs that still run are asked to end once more; a provider may take that as leave to kill."""
CLOSING_CALL_S = 6.0
"""How long other calls of a provider wait for one at the end: those that hang must leave time for those that end
jobs. A submission is waited for as long as at any other time, beside the others, since a job may come of it."""
DEAF_AFTER = 3
"""So many questions in a row that failed at the end: nobody will say whether jobs have ended."""
LAST_TRIES, LAST_TRIES_CLOSED = 8, 2
"""So many times in a row jobs' end is asked for, a second apart, where the batch system does not take that in; the
second where the way there is closed."""
DEAF_FOR_S = 6.0
"""How long at the end it is tried to hear of jobs where the way there is closed."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the supplies of a run share.

    Attributes:
        record: Takes records.
        clock: The time.
        jitter: Gives random numbers from 0 to 1.
        post: Has a function called on the jobs thread; called from any thread.
        nudge: Asks for a decision soon; called from any thread.
    """

    record: Callable[[Record], None]
    clock: Clock
    jitter: Callable[[], float]
    post: Callable[[Callable[[], None]], None]
    nudge: Callable[[], None]


class BlockSupply:
    """One executor's blocks.

    Args:
        session: The executor.
        provider: Where blocks come from.
        limits: How many there may be.
        policy: How many there should be.
        options: Times, and what to do when no block can be had.
        surroundings: The time, and ways to the rest of the run.
    """

    def __init__(
        self,
        session: ElasticSession,
        provider: ProviderSession,
        limits: BlockLimits,
        policy: ScalingPolicy,
        *,
        options: SupplyOptions,
        surroundings: Surroundings,
    ) -> None:
        self._session = session
        self._provider = provider
        self._options = options
        self._clock = clock = surroundings.clock
        self._jitter = surroundings.jitter
        self._post = surroundings.post
        self._nudge = surroundings.nudge
        self._chronicle = Chronicle(session.label, surroundings.record, clock)
        self._lane = Lane(f"parsl-like-jobs-{session.label}", self._post, clock.monotonic)
        self._controller = BlockController(
            session.label,
            limits,
            policy,
            max_idle=options.max_idle,
            patience=Patience(options.connect_timeout, options.pending_timeout),
            gives_up=options.error_handler is True,
        )
        self._pace = Pace(options.status_period)
        self._decide_at = clock.monotonic()
        self._kill_at: float | None = None
        self._closing_since = math.inf
        self._deaf_to_ends = 0
        self._lost: ChannelError | None = None
        self._asking = False
        self._unanswered = 0
        self._canceling = 0
        self._cancel_hangs = False
        self._left = False
        self._when_left: Callable[[], None] | None = None

    @property
    def snapshot(self) -> Mapping[str, Any]:
        """Its live blocks, limits, the last decision and the last trouble, as plain data; any thread may ask."""
        return self._chronicle.snapshot

    # --- driven by the poller ------------------------------------------------------------------------------------

    def begin(self, adopted: Mapping[BlockId, JobId]) -> None:
        """Ask for the initial blocks now, and from now on decide whenever the executor has too much to do.

        Args:
            adopted: Jobs of an earlier run of the program that are blocks of this one, by block.
        """
        now = self._clock.monotonic()
        for block, job in adopted.items():
            self._carry_out(self._controller.adopt(block, job, now))
            self._pace.submitted(now)
        self._tell("when_crowded", self._nudge)
        self._listen()
        self._carry_out(self._controller.start(now))

    def _listen(self) -> None:
        if not isinstance(self._provider, AnnouncingSession):
            return
        try:
            self._pace.announced = self._provider.when_changed(partial(self._post, self._hear))
        except Exception as error:  # noqa: BLE001 - a provider may be a plugin's; it is asked as often as others, then
            self._chronicle.warn(f"the provider cannot announce changes: {_said(error)}", error)

    def _hear(self) -> None:
        self._pace.heard(self._clock.monotonic())

    def nudge(self) -> None:
        """Decide at the next step."""
        self._decide_at = float("-inf")

    def step(self) -> None:
        """Do what is due."""
        self._lane.watch()
        if self._left:
            self._tell_when_left()
            return
        now = self._clock.monotonic()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill(now)
        if self._pace.at is not None and now >= self._pace.at and not self._asking:
            self._ask(now)
        if now >= self._decide_at:
            self._decide(now)
        self._show()

    def _kill(self, now: float) -> None:
        """Ask for the end of what still runs once more, unless the first time has not yet come back, or never will."""
        self._kill_at = now + CLOSING_POLL_S[1] if self._canceling else None
        if not self._canceling and not self._cancel_hangs:
            self._cancel(self._left_jobs(now))

    def _left_jobs(self, now: float) -> tuple[JobId, ...]:
        """Jobs that run as far as is known, and those that nobody has seen end."""
        ledger = self._controller.ledger
        lost = [row.job for row in ledger.unaccounted(now) if row.job is not None]
        return (*ledger.jobs(), *lost)

    def next_due(self) -> float:
        """When there will be something to do, if nothing comes before."""
        if self._left:
            return self._lane.due() or math.inf
        asks = None if self._asking else self._pace.at
        times = (self._decide_at, asks, self._kill_at, self._lane.due())
        return min(time for time in times if time is not None)

    def leave(self, then: Callable[[], None]) -> None:
        """Look after the blocks no more: what runs or waits in the queue goes on, what was to be submitted is not.

        Args:
            then: Called once no call of the provider is under way, so that every job that was submitted is known.
        """
        self._left, self._when_left = True, then
        self._lane.withdraw("submit")
        self._tell_when_left()

    def _tell_when_left(self) -> None:
        if self._when_left is not None and self._lane.idle:
            self._when_left()
            self._when_left = None
        self._show()

    def close(self, deadline: float) -> None:
        """Begin to end everything.

        Args:
            deadline: When it should be over, monotonic seconds.
        """
        self._lane.hurry(CLOSING_CALL_S)
        if self._left:
            return
        now = self._clock.monotonic()
        self._closing_since = now
        self._kill_at = now + min(KILL_AFTER_S, max(0.0, deadline - now) / 2)
        self._pace.close(now)
        self._unanswered = 0
        self._carry_out(self._controller.close(now))
        self._lane.withdraw("submit")

    @property
    def finished(self) -> bool:
        """Whether, at the end, nothing is under way, and every block is over or was told twice and cannot be seen."""
        if not self._lane.idle or self._lane.may_return("submit"):
            return False
        if self._left:
            return True
        told_twice = self._kill_at is None
        if self._controller.finished:
            return told_twice or not self._controller.ledger.unaccounted(self._clock.monotonic())
        return told_twice and self._unanswered >= (1 if self._is_late else DEAF_AFTER)

    @property
    def _is_late(self) -> bool:
        return self._lost is not None and self._clock.monotonic() - self._closing_since >= DEAF_FOR_S

    def release(self, timeout: float) -> None:
        """Close the provider's session and end its thread; tell of jobs that could not be ended."""
        left = self._left_jobs(self._clock.monotonic())
        if left and not self._left:
            text = f"{len(left)} jobs could not be ended in time and may still run: {', '.join(left)}"
            self._chronicle.warn(text)
        if blocks := self._lane.unreturned("submit"):
            text = f"{len(blocks)} submissions have not come back, and a job may yet come of each"
            self._chronicle.warn(f"{text}; look in the queue for those of blocks {', '.join(blocks)}")
        self._lane.release(self._provider.close, timeout)
        self._show()

    def crash(self, error: BaseException) -> None:
        """The jobs thread cannot go on: the executor is told, and the jobs' end is asked for as far as that goes."""
        jobs = [] if self._left else self._controller.ledger.jobs()

        def last() -> None:
            try:
                if jobs:
                    self._provider.cancel(jobs)
            finally:
                self._provider.close()

        try:
            self._session.fail(BadStateException(self._session.label, error))
        finally:  # an executor may be a plugin's, and its jobs must not be left behind because of it
            self._lane.release(last, self._options.call_bound)

    def scale_out(self, count: int) -> None:
        """Ask for blocks whatever the policy thinks."""
        if not self._left:
            self._carry_out(self._controller.scale_out(count, self._clock.monotonic()))

    def scale_in(self, blocks: Iterable[BlockId]) -> None:
        """Let blocks go whatever the policy thinks."""
        if not self._left:
            self._carry_out(self._controller.scale_in(blocks, self._clock.monotonic()))

    # --- what is due ---------------------------------------------------------------------------------------------

    def _decide(self, now: float) -> None:
        self._decide_at = now + self._options.decision_period  # first, so that a load that raises has its pause too
        effects = self._controller.decide(self._session.load(), now=now, jitter=self._jitter())
        self._pace.look(self._controller.ledger.live(), now)
        pause = self._options.decision_period
        if not self._pace.calm:
            pause = min(pause, self._options.status_period)
        self._decide_at = min(now + pause, self._controller.next_due(now) or now + pause)
        if self._controller.outage.again <= now and not self._asking:
            self._pace.closed(now)  # tasks came that wait for it
        self._carry_out(effects)

    def _ask(self, now: float) -> None:
        ledger = self._controller.ledger
        jobs = ledger.jobs()
        if not jobs:
            self._pace.at = None
            return
        self._asking = True
        self._pace.asked(ledger.live(), now)
        run = partial(self._provider.status, jobs)
        self._lane.send(Call("status", run, self._options.call_bound, partial(self._answered, jobs)), first=True)

    def _answered(self, jobs: Sequence[JobId], reports: Any, error: Exception | None) -> None:
        self._asking = False
        now = self._clock.monotonic()
        self._pace.answered(self._controller.ledger.live(), now)  # now, should what comes next raise
        self._look_at_the_way(error)
        if error is not None:
            self._unanswered += 1
            if self._lost is None:
                self._chronicle.warn(f"the state of {len(jobs)} jobs is not known: {_said(error)}", error)
            self._carry_out(self._controller.unanswered(jobs, _said(error), now=now, jitter=self._jitter()))
        else:
            self._unanswered = 0
            self._carry_out(self._controller.answered(jobs, reports, now=now, jitter=self._jitter()))
            self._pace.learned(self._controller.ledger.live(), self._controller.next_look(), now)
        if self._controller.outage.goes_on:
            self._pace.closed(self._controller.outage.again)
        self.nudge()

    def _look_at_the_way(self, error: Exception | None) -> None:
        """What a call that came back, or failed with this error, shows of the way to where blocks are had."""
        now = self._clock.monotonic()
        lost = lost_connection(error)
        if lost is not None:
            self._lost = lost
            words = f"Channel to {lost.hostname}: {lost.reason}. Try: {lost.hint or _by_hand(lost)}"
            transient = lost.transient and getattr(error, "transient", True)
            self._carry_out(self._controller.unreached(words, transient=transient, now=now))
        elif error is None or _came_through(error):
            self._lost = None
            if (seconds := self._controller.reached(now)) is not None:
                logger.info("executor %s: its blocks can be reached again, after %.0f s", self._session.label, seconds)

    # --- carrying out --------------------------------------------------------------------------------------------

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        changed = False
        for effect in effects:
            match effect:
                case Submit(block):
                    self._submit(block)
                case Cancel(jobs):
                    self._cancel(jobs)
                case Drain(blocks):
                    self._tell("drain", blocks)
                case Ended(block, reason):
                    self._tell("block_ended", block, reason)
                case Condemn():
                    self._condemn(effect)
                case Note():
                    changed = changed or effect.kind == "block"
                    self._chronicle.note(effect)
        if changed and callable(self._options.error_handler):
            self._ask_handler(self._options.error_handler)

    def _submit(self, block: BlockId) -> None:
        row = self._controller.ledger[block]

        def run() -> JobId:
            if row.leaving:  # it has waited behind others for so long that nobody wants it any more
                raise Withdrawn(f"block {block} was not wanted any more.")
            return self._provider.submit(self._session.block_request(block))

        def late(job: JobId) -> None:
            self._submitted(block, job, None)

        def orphan(job: JobId) -> None:
            logger.warning(
                "executor %s: job %s of block %s came to be after the end; it is cancelled",
                self._session.label,
                job,
                block,
            )
            self._provider.cancel([job])

        settle = partial(self._submitted, block)
        call = Call("submit", run, self._options.call_bound, settle, late=late, orphan=orphan, about=str(block))
        self._lane.send(call)

    def _submitted(self, block: BlockId, job: Any, error: Exception | None) -> None:
        now = self._clock.monotonic()
        self._look_at_the_way(error)
        if error is None:
            if self._controller.breaker.in_doubt:
                self.nudge()  # others may have waited for this one
            self._pace.submitted(now)
            self._carry_out(self._controller.submitted(block, job, now))
            return
        if isinstance(error, Withdrawn) or (self._controller.closing and isinstance(error, BadStateException)):
            self._carry_out(self._controller.withdrawn(block, now))
            return
        logger.warning("executor %s: block %s was refused", self._session.label, block, exc_info=error)
        transient = getattr(error, "transient", True)
        self._carry_out(
            self._controller.refused(block, _said(error), transient=transient, now=now, jitter=self._jitter())
        )
        self.nudge()

    def _cancel(self, jobs: tuple[JobId, ...]) -> None:
        if jobs:
            self._canceling += 1
            settle = partial(self._cancelled, jobs)
            call = Call("cancel", partial(self._provider.cancel, jobs), self._options.call_bound, settle)
            self._lane.send(call, first=True)  # what is to end makes room for what waits to begin

    def _cancelled(self, jobs: Sequence[JobId], accepted: Any, error: Exception | None) -> None:
        self._canceling -= 1
        self._cancel_hangs = isinstance(error, ProviderSilent)
        self._pace.cancelled(self._clock.monotonic())
        self._look_at_the_way(error)
        if error is not None:
            if self._lost is None or self._controller.closing:
                self._chronicle.warn(f"the end of {', '.join(jobs)} could not be asked for: {_said(error)}", error)
            self._deaf_to_ends += 1
            tries = LAST_TRIES if self._lost is None else LAST_TRIES_CLOSED
            if self._controller.closing and not self._cancel_hangs and self._deaf_to_ends < tries:
                self._kill_at = self._clock.monotonic() + CLOSING_POLL_S[1]
            return
        self._deaf_to_ends = 0
        if refused := [job for job in jobs if not accepted.get(job, False)]:
            self._chronicle.warn(f"the batch system would not end {', '.join(refused)}")
        if self._controller.accepted(job for job in jobs if accepted.get(job, False)):
            self.nudge()

    def _condemn(self, verdict: Condemn) -> None:
        row = verdict.row
        job = row.job if row is not None else None
        lost = self._lost if row is None else None

        def run() -> BadStateException:
            evidence = Evidence() if job is None else Evidence.of(self._provider, job)
            return explain(self._session.label, self._options.provider, verdict.reason, row, evidence, lost)

        def settle(error: Any, trouble: Exception | None) -> None:
            if trouble is not None:
                error = explain(self._session.label, self._options.provider, verdict.reason, row, Evidence(), lost)
            self._fail(error)

        self._lane.send(Call("output", run, self._options.call_bound, settle), first=True)

    def _fail(self, error: BadStateException) -> None:
        logger.error("executor %s gets no blocks any more: %s", self._session.label, error)
        self._chronicle.note(Note("warning", self._session.label, {"text": str(error)}))
        self._tell("fail", error)

    def _tell(self, what: str, *facts: Any) -> None:
        try:
            getattr(self._session, what)(*facts)
        except Exception as error:  # noqa: BLE001 - an executor may be a plugin's; the other effects must be carried out
            self._chronicle.warn(f"the executor's {what} raised: {_said(error)}", error)

    # --- a handler of the user's own -----------------------------------------------------------------------------

    def _ask_handler(self, handler: Callable[[Any, Mapping[str, JobStatus]], None]) -> None:
        rows = self._controller.ledger.rows()
        accused = Accused(self._session, self._fail_for_handler)

        def run() -> None:
            handler(accused, statuses(rows, self._provider))

        def settle(_: None, error: Exception | None) -> None:
            if error is not None:
                self._chronicle.warn(f"the block error handler raised: {_said(error)}", error)

        self._lane.send(Call("block error handler", run, self._options.call_bound, settle))

    def _fail_for_handler(self, exception: Exception) -> None:
        """A handler of the user's wants the executor failed; called from the lane."""

        def now() -> None:
            if not self._controller.condemned:
                self._fail(BadStateException(self._session.label, exception))
                self._carry_out(self._controller.condemn(self._clock.monotonic()))
                self._lane.withdraw("submit")

        self._post(now)

    def _show(self) -> None:
        self._chronicle.show(self._controller, self._lane.stuck)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _came_through(error: Exception) -> bool:
    """Whether a call has failed with something that only the batch system can have said."""
    return isinstance(error.__cause__, Unavailable | Unreadable) or getattr(error, "retcode", None) is not None


def _by_hand(lost: ChannelError) -> str:
    return f"see whether `ssh {lost.hostname} true` works by hand from here."
