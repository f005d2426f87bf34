"""The blocks of one executor in motion: carries out what the controller wants, and brings it the outcome.

Everything here runs on the jobs thread but the calls of the provider, which run in its lane.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.core.records import Record
from parsl_like.errors import BadStateException
from parsl_like.jobs.controller import BlockController
from parsl_like.jobs.diagnosis import explain
from parsl_like.jobs.effects import Cancel, Condemn, Drain, Effect, Ended, Note, Submit
from parsl_like.jobs.lane import Call, Lane, ProviderSilent, Withdrawn
from parsl_like.providers.announcing import AnnouncingSession
from parsl_like.providers.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.core.limits import BlockLimits
    from parsl_like.core.ports import Clock, ElasticSession, ProviderSession
    from parsl_like.jobs.options import SupplyOptions
    from parsl_like.jobs.policy import ScalingPolicy

logger = logging.getLogger(__name__)

FIRST_POLL_S = 1.0
"""When a new job is first asked after, at the latest; sooner where its provider may be asked often."""
CALM, LONGEST_CALM_S = 5, 60.0
"""Jobs whose managers are all connected are asked after so many times less often, but at least once in this time, and
no more often than that if their provider announces their ends. New ones are asked after so many times sooner."""
SAME_TROUBLE_S = 60.0
"""Trouble that is told in the same words is told once in this time."""
KILL_AFTER_S = 5.0
"""When, at the end, jobs that still run are asked to end once more; a provider may take that as leave to kill."""
CLOSING_POLL_S = 0.05, 1.0
"""At the end jobs are asked after this often; the pause doubles from the first to the second."""
CLOSING_CALL_S = 6.0
"""How long a provider's call may take at the end: those that hang must leave time for those that end jobs."""
DEAF_AFTER = 3
"""So many questions in a row that failed at the end: nobody will say whether jobs have ended."""


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
        self._record = surroundings.record
        self._clock = clock = surroundings.clock
        self._jitter = surroundings.jitter
        self._post = surroundings.post
        self._nudge = surroundings.nudge
        self._lane = Lane(f"parsl-like-jobs-{session.label}", self._post, clock.monotonic)
        self._controller = BlockController(
            session.label,
            limits,
            policy,
            max_idle=options.max_idle,
            connect_timeout=options.connect_timeout,
            gives_up=options.error_handler is True,
        )
        self._decide_at = clock.monotonic()
        self._poll_at: float | None = None
        self._kill_at: float | None = None
        self._poll_pause = CLOSING_POLL_S[0]
        self._asking = False
        self._unanswered = 0
        self._canceling = 0
        self._cancel_hangs = False
        self._heard = False
        self._announced = False
        self._calm = False
        self._trouble: dict[str, float] = {}
        self._shown: tuple[object, ...] = ()
        self.snapshot: Mapping[str, Any] = {}

    # --- driven by the poller ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Ask for the initial blocks now, and from now on decide whenever the executor has too much to do."""
        self._tell("when_crowded", self._nudge)
        self._listen()
        self._carry_out(self._controller.start(self._clock.monotonic()))

    def _listen(self) -> None:
        if not isinstance(self._provider, AnnouncingSession):
            return
        try:
            self._announced = self._provider.when_changed(partial(self._post, self._hear))
        except Exception as error:  # noqa: BLE001 - a provider may be a plugin's; it is asked as often as others, then
            self._warn(f"the provider cannot announce changes: {_said(error)}", error)

    def _hear(self) -> None:
        """Something may have become of a job. An answer that is on its way may not know of it yet."""
        self._heard = True
        if self._poll_at is not None:
            self._poll_at = self._clock.monotonic()

    def nudge(self) -> None:
        """Decide at the next step."""
        self._decide_at = float("-inf")

    def step(self) -> None:
        """Do what is due."""
        self._lane.watch()
        now = self._clock.monotonic()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill(now)
        if self._poll_at is not None and now >= self._poll_at and not self._asking:
            self._ask(now)
        if now >= self._decide_at:
            self._decide(now)
        self._snap()

    def _kill(self, now: float) -> None:
        """Ask for the end of what still runs once more, unless the first time has not yet come back, or never will."""
        self._kill_at = now + CLOSING_POLL_S[1] if self._canceling else None
        if not self._canceling and not self._cancel_hangs:
            self._cancel(tuple(self._controller.ledger.jobs()))

    def next_due(self) -> float:
        """When there will be something to do, if nothing comes before."""
        times = [self._decide_at, self._poll_at, self._kill_at, self._lane.due()]
        if self._asking:
            times[1] = None
        return min(time for time in times if time is not None)

    def close(self, deadline: float) -> None:
        """Begin to end everything.

        Args:
            deadline: When it should be over, monotonic seconds.
        """
        now = self._clock.monotonic()
        self._kill_at = now + min(KILL_AFTER_S, max(0.0, deadline - now) / 2)
        self._poll_pause = CLOSING_POLL_S[0]
        self._poll_at = now + self._poll_pause
        self._lane.hurry(CLOSING_CALL_S)
        self._unanswered = 0
        self._carry_out(self._controller.close(now))
        self._lane.withdraw("submit")

    @property
    def finished(self) -> bool:
        """Whether, at the end, nothing is under way, and every block is over or was told twice and cannot be seen."""
        deaf = self._unanswered >= DEAF_AFTER and self._kill_at is None
        return self._lane.idle and (self._controller.finished or deaf)

    def release(self, timeout: float) -> None:
        """Close the provider's session and end its thread; tell of jobs that could not be ended."""
        left = self._controller.ledger.jobs()
        if left:
            self._warn(f"{len(left)} jobs could not be ended in time and may still run: {', '.join(left)}")
        self._lane.release(self._provider.close, timeout)
        self._snap()

    def crash(self, error: BaseException) -> None:
        """The jobs thread cannot go on: the executor is told, and the jobs' end is asked for as far as that goes."""
        self._session.fail(BadStateException(self._session.label, error))
        jobs = self._controller.ledger.jobs()

        def last() -> None:
            try:
                self._provider.cancel(jobs)
            finally:
                self._provider.close()

        self._lane.release(last, self._options.call_bound)

    def scale_out(self, count: int) -> None:
        """Ask for blocks whatever the policy thinks."""
        self._carry_out(self._controller.scale_out(count, self._clock.monotonic()))

    def scale_in(self, blocks: Iterable[BlockId]) -> None:
        """Let blocks go whatever the policy thinks."""
        self._carry_out(self._controller.scale_in(blocks, self._clock.monotonic()))

    # --- what is due ---------------------------------------------------------------------------------------------

    def _decide(self, now: float) -> None:
        self._decide_at = now + self._options.decision_period  # first, so that a policy that raises has its pause too
        effects = self._controller.decide(self._session.load(), now=now, jitter=self._jitter())
        calm = all(row.connected for row in self._controller.ledger.live())
        if self._calm and not calm and self._poll_at is not None:
            self._poll_at = now  # a manager has gone; its job may have, too
        self._calm = calm
        pause = self._options.decision_period if calm else min(self._options.decision_period, self._period())
        self._decide_at = min(now + pause, self._controller.next_due(now) or now + pause)
        self._carry_out(effects)

    def _period(self) -> float:
        """How long until jobs are asked after again; a connected manager tells of its block's end by itself."""
        period = self._options.status_period
        if not self._calm:
            return period
        return max(period, LONGEST_CALM_S if self._announced else min(CALM * period, LONGEST_CALM_S))

    def _ask(self, now: float) -> None:
        jobs = self._controller.ledger.jobs()
        if not jobs:
            self._poll_at = None
            return
        self._asking, self._heard = True, False
        self._poll_at = now + self._period()
        run = partial(self._provider.status, jobs)
        self._lane.send(Call("status", run, self._options.call_bound, partial(self._answered, jobs)), first=True)

    def _answered(self, jobs: Sequence[JobId], reports: Any, error: Exception | None) -> None:
        self._asking = False
        now = self._clock.monotonic()
        self._poll_at = now if self._heard else now + self._period()
        if self._controller.closing:
            self._poll_at = now + self._poll_pause
            self._poll_pause = min(2 * self._poll_pause, CLOSING_POLL_S[1])
        if error is not None:
            self._unanswered += 1
            self._warn(f"the state of {len(jobs)} jobs is not known: {_said(error)}", error)
            self._carry_out(self._controller.unanswered(jobs, _said(error), now=now, jitter=self._jitter()))
            self.nudge()
            return
        self._unanswered = 0
        self._carry_out(self._controller.answered(jobs, reports, now=now, jitter=self._jitter()))
        self.nudge()

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
                    self._note(effect)
        if changed and callable(self._options.error_handler):
            self._ask_handler(self._options.error_handler)

    def _submit(self, block: BlockId) -> None:
        def run() -> JobId:
            return self._provider.submit(self._session.block_request(block))

        def late(job: JobId) -> None:
            self._submitted(block, job, None)

        def orphan(job: JobId) -> None:
            self._provider.cancel([job])

        settle = partial(self._submitted, block)
        self._lane.send(Call("submit", run, self._options.call_bound, settle, late=late, orphan=orphan))

    def _submitted(self, block: BlockId, job: Any, error: Exception | None) -> None:
        now = self._clock.monotonic()
        if error is None:
            first = now + min(FIRST_POLL_S, self._options.status_period / CALM)
            self._poll_at = first if self._poll_at is None else min(self._poll_at, first)
            self._carry_out(self._controller.submitted(block, job, now))
            return
        if isinstance(error, Withdrawn):
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
            run = partial(self._provider.cancel, jobs)
            self._lane.send(Call("cancel", run, self._options.call_bound, partial(self._cancelled, jobs)))

    def _cancelled(self, jobs: Sequence[JobId], accepted: Any, error: Exception | None) -> None:
        self._canceling -= 1
        self._cancel_hangs = isinstance(error, ProviderSilent)
        now = self._clock.monotonic()
        self._poll_at = min(self._poll_at or now + FIRST_POLL_S, now + FIRST_POLL_S)
        if error is not None:
            self._warn(f"the end of {', '.join(jobs)} could not be asked for: {_said(error)}", error)
        elif refused := [job for job in jobs if not accepted.get(job, False)]:
            self._warn(f"the batch system would not end {', '.join(refused)}")

    def _condemn(self, verdict: Condemn) -> None:
        row = verdict.row
        job = row.job if row is not None else None

        def run() -> BadStateException:
            stdout, stderr = self._provider.output(job) if job is not None else (None, None)
            return explain(self._session.label, self._options.provider, verdict.reason, row, stdout, stderr)

        def settle(error: Any, trouble: Exception | None) -> None:
            if trouble is not None:
                error = explain(self._session.label, self._options.provider, verdict.reason, row, None, None)
            self._fail(error)

        self._lane.send(Call("output", run, self._options.call_bound, settle), first=True)

    def _fail(self, error: BadStateException) -> None:
        logger.error("executor %s gets no blocks any more: %s", self._session.label, error)
        self._note(Note("warning", self._session.label, {"text": str(error)}))
        self._tell("fail", error)

    def _tell(self, what: str, *facts: Any) -> None:
        try:
            getattr(self._session, what)(*facts)
        except Exception as error:  # noqa: BLE001 - an executor may be a plugin's; the other effects must be carried out
            self._warn(f"the executor's {what} raised: {_said(error)}", error)

    # --- a handler of the user's own -----------------------------------------------------------------------------

    def _ask_handler(self, handler: Callable[[Any, Mapping[str, JobStatus]], None]) -> None:
        rows = self._controller.ledger.rows()

        def run() -> None:
            status = {}
            for row in rows:
                paths = self._provider.output(row.job) if row.job is not None else (None, None)
                status[str(row.block)] = JobStatus(row.state, row.message, row.exit_code, *paths)
            handler(_Failing(self), status)

        def settle(_: None, error: Exception | None) -> None:
            if error is not None:
                self._warn(f"the block error handler raised: {_said(error)}", error)

        self._lane.send(Call("block error handler", run, self._options.call_bound, settle))

    def fail_for_handler(self, exception: Exception) -> None:
        """A handler of the user's wants the executor failed; called from the lane."""

        def now() -> None:
            if not self._controller.condemned:
                self._fail(BadStateException(self._session.label, exception))
                self._carry_out(self._controller.condemn(self._clock.monotonic()))
                self._lane.withdraw("submit")

        self._post(now)

    # --- telling -------------------------------------------------------------------------------------------------

    def _note(self, note: Note) -> None:
        if note.kind == "warning":
            logger.warning("executor %s: %s", self._session.label, note.fields["text"])
        elif note.kind == "decision":
            logger.debug("executor %s: %s", self._session.label, note.fields)
        self._record(Record(note.kind, self._clock.wall(), note.subject, note.fields))

    def _warn(self, text: str, error: Exception | None = None) -> None:
        now = self._clock.monotonic()
        if now - self._trouble.get(text, float("-inf")) < SAME_TROUBLE_S:
            return
        self._trouble = {old: told for old, told in self._trouble.items() if now - told < SAME_TROUBLE_S}
        self._trouble[text] = now
        logger.warning("executor %s: %s", self._session.label, text, exc_info=error)
        self._record(Record("warning", self._clock.wall(), self._session.label, {"text": text}))

    def _snap(self) -> None:
        controller = self._controller
        rows = controller.ledger.live()
        facts = tuple((row.block, row.job, row.state, row.connected) for row in rows)
        shown = facts, controller.last_decision, controller.breaker.last, self._lane.stuck, controller.condemned
        if shown == self._shown:
            return
        self._shown = shown
        self.snapshot = {
            "blocks": {
                str(row.block): {"job": row.job, "state": row.state.name, "connected": row.connected} for row in rows
            },
            "limits": (controller.limits.minimum, controller.limits.maximum),
            "decision": controller.last_decision,
            "trouble": controller.breaker.last,
            "hanging_calls": self._lane.stuck,
            "failed": controller.condemned,
        }


class _Failing:
    """What a user's handler gets in the place of Parsl's executor: answers as that does, and can be failed."""

    def __init__(self, supply: BlockSupply) -> None:
        self._supply = supply

    def set_bad_state_and_fail_all(self, exception: Exception) -> None:
        """Fail every task the executor has or gets, and end its blocks."""
        self._supply.fail_for_handler(exception)

    if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong

        def __getattr__(self, name: str) -> Any:
            return getattr(self._supply._session, name)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
