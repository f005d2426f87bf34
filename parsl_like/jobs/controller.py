"""What to do about the blocks of one executor: news in, effects out. Pure.

Joins the ledger (what blocks there are), a policy (how many there should be), patience (what takes too long) and the
breaker (when to wait, when to give up). Whoever drives it carries the effects out and brings their outcome back.

A block leaves in one of four ways: it ends by itself; a policy does not need it, then its managers are asked to drain
and its job is cancelled only if that does not end it; it is given up because it cannot start or does not connect; or
everything is to end. In the last two cases its job is cancelled at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobState
from parsl_like.jobs.breaker import FRUITLESS_BLOCKS, PERMANENT_REFUSALS, STEADY_AFTER_S, Breaker
from parsl_like.jobs.effects import Cancel, Condemn, Drain, Effect, Ended, Submit
from parsl_like.jobs.fallback import Fallback
from parsl_like.jobs.ledger import Ledger
from parsl_like.jobs.notes import Notes
from parsl_like.jobs.outage import CLOSED_FOR_S, Outage
from parsl_like.jobs.patience import SILENT, SLOW_CONNECT_S, Patience, is_stubborn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from parsl_like.core.ids import JobId
    from parsl_like.core.job_states import JobReport
    from parsl_like.core.limits import BlockLimits, Decision, ExecutorLoad
    from parsl_like.jobs.ledger import Change
    from parsl_like.jobs.policy import ScalingPolicy
    from parsl_like.jobs.row import BlockRow


@dataclass(slots=True)
class BlockController:
    """The blocks of one executor. All times are monotonic seconds, all jitters random numbers from 0 to 1.

    Attributes:
        label: The executor.
        limits: How many blocks there may be.
        policy: How many there should be.
        max_idle: Seconds of idleness after which a block is not needed.
        patience: How long a block may take to start, and to connect.
        gives_up: Whether the executor fails when no block can be had; if not, it is tried for ever.
        ledger: The blocks.
        breaker: What went wrong of late.
        outage: Whether the way to where blocks are had is closed.
        condemned: Whether the executor was failed.
        closing: Whether everything is to end.
    """

    label: str
    limits: BlockLimits
    policy: ScalingPolicy
    max_idle: float
    patience: Patience
    gives_up: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    breaker: Breaker = field(default_factory=Breaker)
    outage: Outage = field(default_factory=Outage)
    condemned: bool = False
    closing: bool = False
    _next_block: int = 0
    _ever_connected: bool = False
    _outstanding: int = 0
    _idle_since: dict[BlockId, float] = field(default_factory=dict)
    _warned: set[BlockId] = field(default_factory=set)
    _steady: set[BlockId] = field(default_factory=set)
    _notes: Notes = field(init=False)
    _asked: Fallback = field(init=False)
    _policy_trouble: str | None = None

    def __post_init__(self) -> None:
        self._notes = Notes(self.label)
        self._asked = Fallback(self.policy)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to end."""
        return not self.ledger.live()

    @property
    def last_decision(self) -> str:
        """What was last decided, in words."""
        return self._notes.last_reason

    # --- what is wanted ------------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Effect]:
        """Ask for the initial blocks, less those that are there already."""
        count = self.limits.init - len(self.ledger.live())
        if count <= 0:
            return []
        return [*self._notes.decided("the run starts", now, count), *self.scale_out(count, now)]

    def adopt(self, block: BlockId, job: JobId, now: float) -> list[Effect]:
        """A block of an earlier run of the program, whose job runs or waits, counts from now on as one of this run.

        No block of this run gets its name.
        """
        if block.isdecimal():
            self._next_block = max(self._next_block, int(block) + 1)
        self._ever_connected = True  # to the earlier run: one that stays silent does not show that none can be had
        requested = self._notes.changed(self.ledger.request(block, now))
        self.ledger.submitted(block, job, now)
        return [requested, self._notes.submitted(self.ledger[block])]

    def scale_out(self, count: int, now: float) -> list[Effect]:
        """Ask for blocks, whatever the policy thinks."""
        effects: list[Effect] = []
        for _ in range(count):
            block = BlockId(str(self._next_block))
            self._next_block += 1
            effects += [self._notes.changed(self.ledger.request(block, now)), Submit(block)]
        return effects

    def scale_in(self, blocks: Iterable[BlockId], now: float) -> list[Effect]:
        """Let blocks go: those with managers are drained, the others cancelled."""
        chosen = set(blocks)
        rows = [row for row in self.ledger.live() if row.block in chosen and not row.leaving]
        drained = tuple(row.block for row in rows if row.connected)
        for block in drained:
            self.ledger.drain(block, now)
        effects: list[Effect] = [Drain(drained)] if drained else []
        return effects + self._cancel([row for row in rows if not row.connected], now)

    def close(self, now: float) -> list[Effect]:
        """End everything."""
        self.closing = True
        self.ledger.part()
        rows = self.ledger.rows()
        lost = [row for row in rows if row.state is JobState.MISSING or self.ledger.is_unaccounted(row.block)]
        # A job that is only not seen may still be there, and must not outlive the run.
        return [*self._cancel(lost, now), *self._cancel(self.ledger.live(), now)]

    def condemn(self, now: float) -> list[Effect]:
        """The executor was failed by somebody else: ask for no more blocks and end those there are."""
        self.condemned = True
        return self._cancel(self.ledger.live(), now)

    # --- the outcome of effects ----------------------------------------------------------------------------------

    def submitted(self, block: BlockId, job: JobId, now: float) -> list[Effect]:
        """A block's job has an id."""
        self.breaker.submitted()
        row = self.ledger[block]
        if not self.ledger.submitted(block, job, now):
            text = f"job {job} of block {block} came to be after the block had been given up; it is cancelled"
            return [self._notes.warning(text), *self._cancel([row], now)]
        return [self._notes.submitted(row), *(self._cancel([row], now) if row.leaving else [])]

    def refused(self, block: BlockId, reason: str, *, transient: bool, now: float, jitter: float) -> list[Effect]:
        """A block was not taken."""
        since = self.ledger[block].requested
        self.breaker.refused(reason, transient=transient, since=since, now=now, jitter=jitter)
        effects = self._follow(self.ledger.refused(block, reason, now), now, jitter)
        if self.outage.goes_on and self._ever_connected:
            return effects  # that is judged by how long it goes on
        return effects + self._judge(None, now)

    def withdrawn(self, block: BlockId, now: float) -> list[Effect]:
        """A block that was to be submitted was not, because it is not wanted any more."""
        self.ledger.cancel(block, now)
        return self._follow(self.ledger.refused(block, "not submitted any more", now), now, 0.0)

    def accepted(self, jobs: Iterable[JobId]) -> bool:
        """The batch system has said that it ends jobs, or that they are over.

        Returns:
            Whether that makes room for other blocks.
        """
        return bool(self.ledger.accepted(jobs))

    def answered(
        self, asked: Sequence[JobId], reports: Mapping[JobId, JobReport], *, now: float, jitter: float
    ) -> list[Effect]:
        """The batch system said how jobs are."""
        return self._changed(self.ledger.answered(asked, reports, now), now, jitter)

    def unanswered(self, asked: Sequence[JobId], reason: str, *, now: float, jitter: float) -> list[Effect]:
        """The batch system could not say how jobs are."""
        changes = self.ledger.unanswered(asked, reason, self.patience.connect_timeout, now)
        return self._changed(changes, now, jitter, at_once=not self._ever_connected)

    # --- the way to where blocks are had -------------------------------------------------------------------------

    def unreached(self, reason: str, *, transient: bool, now: float) -> list[Effect]:
        """A call has failed because the way there is closed, whatever else has followed from that.

        Args:
            reason: Why, and what to try, in words.
            transient: Whether that may pass by itself.
            now: Monotonic seconds.
        """
        effects: list[Effect] = []
        if self.outage.failed(reason, transient=transient, now=now) and not (self.closing or self.condemned):
            effects.append(self._notes.warning(self._closed(reason, transient=transient)))
        return effects + self._judge_outage(now)

    def reached(self, now: float) -> float | None:
        """A call has come through; gives the seconds for which none had, None if there was no outage."""
        return self.outage.over(now)

    def _closed(self, reason: str, *, transient: bool) -> str:
        working = sum(row.connected for row in self.ledger.live())
        which = f"blocks that work go on ({working})" if working else "no block works"
        until = f"{CLOSED_FOR_S:.0f} s" if transient else f"{PERMANENT_REFUSALS} such tries"
        limit = f"; without a block that works, tasks fail after {until}" if self.gives_up else ""
        return f"blocks cannot be asked for, looked after or ended: {reason} Tries go on; {which}{limit}."

    def _judge_outage(self, now: float) -> list[Effect]:
        """Fail the executor if its tasks wait for blocks that nobody can have or hear of."""
        reason = self.outage.verdict(now)
        live = self.ledger.live()
        if reason is None or not self._outstanding or any(_works_without_us(row) for row in live):
            return []
        left = [row.job for row in (*live, *self.ledger.unaccounted(now)) if row.job is not None]
        behind = f" Jobs that may wait or run there all the same: {', '.join(left)}." if left else ""
        return self._failed(f"no block works, and none can be had: {reason}{behind}", None, now)

    def _changed(self, changes: Iterable[Change], now: float, jitter: float, *, at_once: bool = False) -> list[Effect]:
        effects: list[Effect] = []
        dead: BlockRow | None = None
        for change in changes:
            effects += self._follow(change, now, jitter)
            if change.row.stillborn or (change.row.worked is False and self.breaker.fruitless >= FRUITLESS_BLOCKS):
                dead = change.row
        if dead is None:
            return effects
        # Where nothing has ever worked, the next block would take as long to show the same.
        return effects + self._judge(dead, now, verdict=self.breaker.last if at_once else None)

    # --- from time to time, and when something may have changed --------------------------------------------------

    def decide(self, load: ExecutorLoad, *, now: float, jitter: float) -> list[Effect]:
        """Look at everything once: who has connected, who is overdue, how many blocks there should be."""
        if load.outstanding and not self._outstanding:
            self.outage.wanted(now)
        self._outstanding = load.outstanding
        effects = [] if self.closing else self._see_managers(load, now)
        effects += self._see_stubborn(load, now)
        if not self.closing:
            effects += self._see_silent(now, jitter)
            effects += self._see_abandoned(now)
            effects += self._see_waiting(now, jitter)
        if self.closing or self.condemned:
            return effects
        return effects + self._scale(load, now)

    def _see_managers(self, load: ExecutorLoad, now: float) -> list[Effect]:
        """Who has connected, worked, and for how long."""
        effects: list[Effect] = []
        for block in self.ledger.connected(load.connected, now):
            self._ever_connected = True
            self.breaker.connected()
            effects.append(self._notes.connected(self.ledger[block]))
        if self.ledger.told(load.draining, load.worked):
            self.breaker.worked()
        for row in self.ledger.live():
            since = row.connected_since
            if row.connected and since is not None and now - since >= STEADY_AFTER_S and row.block not in self._steady:
                # Once for each block: that one goes on is no reason to expect that the next will be taken.
                self._steady.add(row.block)
                self.breaker.steady()
        return effects

    def _see_stubborn(self, load: ExecutorLoad, now: float) -> list[Effect]:
        """Blocks that do not drain, and jobs that do not end; also those that were only taken for gone."""
        rows, idle = self.ledger.live(), set(load.idle_blocks)
        undrained = [row for row in rows if self.patience.will_not_drain(row, idle, now)]
        told = [row for row in (*rows, *self.ledger.unaccounted(now)) if is_stubborn(row, now)]
        return [*self._cancel(undrained, now), *self._cancel(told, now)]

    def _see_silent(self, now: float, jitter: float) -> list[Effect]:
        """Blocks that run and do not connect."""
        effects: list[Effect] = []
        for row in self.ledger.live():
            waited = self.patience.silent_for(row, now)
            if waited is None:
                continue
            reason = f"block {row.block} (job {row.job}) ran for {waited:.0f} s, but {SILENT}"
            reason += " since it began again" if row.ever_connected else ""
            if waited >= self.patience.connect_timeout:
                self.breaker.stillborn(reason, now=now, jitter=jitter)
                # Where nothing has ever worked, the next block would take as long to show the same.
                effects += self._give_up(row, reason, now, verdict=None if self._ever_connected else reason)
            elif waited >= SLOW_CONNECT_S and row.block not in self._warned:
                self._warned.add(row.block)
                effects.append(self._notes.warning(reason.replace(" ran for ", " runs for ")))
        return effects

    def _see_abandoned(self, now: float) -> list[Effect]:
        """Blocks that run although their managers have gone."""
        effects: list[Effect] = []
        for row in self.ledger.live():
            reason = self.patience.abandoned(row, now)
            if reason is not None:
                effects += [self._notes.warning(f"{reason}; it is cancelled"), *self._cancel([row], now)]
        return effects

    def _see_waiting(self, now: float, jitter: float) -> list[Effect]:
        """Jobs that can never start, or have waited for longer than they may."""
        effects: list[Effect] = []
        again = self.breaker.hopeless > 0
        for row in self.ledger.live():
            late = self.patience.waited_too_long(row)
            reason = self.patience.hopeless(row, again=again) or late
            if reason is not None:
                self.breaker.waited_in_vain(reason, now=now, jitter=jitter)
                effects += self._give_up(row, reason, now, verdict=late and reason)
            elif row.hopeless is not None and row.block not in self._warned and not row.leaving:
                self._warned.add(row.block)
                text = f"block {row.block} (job {row.job}) waits, and cannot start as it is: {row.hopeless}"
                effects.append(self._notes.warning(text))
        return effects

    def _give_up(self, row: BlockRow, reason: str, now: float, verdict: str | None) -> list[Effect]:
        effects = [self._notes.warning(f"{reason}; it is cancelled"), *self._cancel([row], now, given_up=reason)]
        return effects + self._judge(row, now, verdict=verdict)

    def _scale(self, load: ExecutorLoad, now: float) -> list[Effect]:
        rows = self.ledger.live()
        staying = [row.block for row in rows if row.staying]
        decision = self._asked(
            self.limits, load, live_blocks=staying, now=now, max_idle=self.max_idle, idle_since=self._idle_since
        )
        self._idle_since = decision.idle_since
        count, reason = self._affordable(decision, rows, now)
        return [
            *self._see_policy(),
            *self._notes.decided(reason, now, count, decision, load),
            *self.scale_out(count, now),
            *self.scale_in(decision.scale_in, now),
        ]

    def _see_policy(self) -> list[Effect]:
        """Tell of a policy that fails, once as long as it does so in the same way."""
        before, self._policy_trouble = self._policy_trouble, self._asked.trouble
        if self._policy_trouble is None or self._policy_trouble == before:
            return []
        name = getattr(self.policy, "__name__", type(self.policy).__name__)
        text = f"the strategy {name} fails, and blocks are scaled by strategy='simple' as long as it does"
        return [self._notes.warning(f"{text}: {self._policy_trouble}")]

    def _affordable(self, decision: Decision, rows: Sequence[BlockRow], now: float) -> tuple[int, str]:
        """How many of the blocks that a policy wants are asked for now, and why not all of them."""
        if decision.scale_out <= 0:
            return 0, decision.reason
        # A block that leaves still holds its nodes: the maximum is a promise to the batch system, not to the tasks.
        unaccounted = len(self.ledger.unaccounted(now))
        room = min(decision.scale_out, self.limits.maximum - len(rows) - unaccounted)
        last = self.outage.last or self.breaker.last
        if room <= 0 and sum(row.staying for row in rows) >= self.limits.maximum:
            return 0, "there are as many blocks as there may be"
        if room <= 0:
            which = "blocks that are about to end"
            if unaccounted:
                which = "jobs that cannot be seen and may still run"
            elif any(row.parted is not None and not row.leaving for row in rows):
                which = "blocks whose managers have gone, and whose jobs are not known to be over,"
            return 0, f"{which} are still in the way"
        if now < max(self.breaker.retry_due(nothing_left=not rows), self.outage.login_due):
            return 0, f"the next block is asked for later, because of trouble with the last: {last}"
        if not self.breaker.in_doubt:
            return room, decision.reason
        if any(row.staying and not row.ever_connected and row.requested > self.breaker.struck_at for row in rows):
            return 0, f"the last block has yet to show that the trouble is over: {last}"
        few = min(room, 1 if rows else max(1, self.limits.init))
        return few, f"{decision.reason}; {few} for now, because of trouble with the last: {last}"

    def next_due(self, now: float) -> float | None:
        """When a decision would come out differently only because time has passed; None if no time is known."""
        rows = self.ledger.live()
        times = [self.breaker.retry_due(nothing_left=not rows), self.outage.login_due]
        for row in (*rows, *self.ledger.unaccounted(now)):
            times += self.patience.due(row)
        times += [since + self.max_idle for since in self._idle_since.values()]
        return min((time for time in times if time > now), default=None)

    def next_look(self) -> float | None:
        """When an answer of the batch system is worth more than at another time; None if there is no such time."""
        looks = (self.patience.next_look(row) for row in self.ledger.live())
        return min((time for time in looks if time is not None), default=None)

    # --- what follows from what ----------------------------------------------------------------------------------

    def _follow(self, change: Change | None, now: float, jitter: float) -> list[Effect]:
        if change is None:
            return []
        row = change.row
        effects: list[Effect] = [self._notes.changed(change)]
        if not row.over:
            return effects
        self._warned.discard(row.block)
        self._steady.discard(row.block)
        if row.job is None:
            reason = f"it could not be submitted: {row.message}"
        else:
            reason = f"its job {row.job} is {row.state.name}" + (f": {row.message}" if row.message else "")
        if self.ledger.is_unaccounted(row.block):
            effects += self._cancel([row], now)  # should it come back, nobody wants it any more
        if row.job is not None and not row.leaving:
            self._count(row, f"block {row.block}: {reason}", now, jitter)
        return [*effects, Ended(row.block, reason)]

    def _count(self, row: BlockRow, reason: str, now: float, jitter: float) -> None:
        """Take note of what an end that nobody has asked for says of the blocks to come."""
        lived = row.lifetime
        expected = row.draining or row.state is JobState.TIMEOUT
        if lived is None:
            self.breaker.stillborn(reason, now=now, jitter=jitter)
        elif row.worked is False and self._outstanding and not expected:
            self.breaker.died_fruitless(reason, now=now, jitter=jitter)
        elif lived < STEADY_AFTER_S and not (row.worked and (expected or row.state is JobState.COMPLETED)):
            self.breaker.short_lived(reason, now=now, jitter=jitter)

    def _judge(self, row: BlockRow | None, now: float, verdict: str | None = None) -> list[Effect]:
        """Fail the executor if there is a reason for it and no block left that may yet do its work."""
        reason = verdict or self.breaker.verdict(now)
        if reason is None or any(not other.leaving for other in self.ledger.live()):
            return []
        return self._failed(reason, row, now)

    def _failed(self, reason: str, row: BlockRow | None, now: float) -> list[Effect]:
        if not self.gives_up or self.condemned or self.closing:
            return []
        self.condemned = True
        left = [other for other in self.ledger.live() if other.cancel_asked is None]
        return [Condemn(reason, row), *self._cancel(left, now)]

    def _cancel(self, rows: Sequence[BlockRow], now: float, given_up: str | None = None) -> list[Effect]:
        for row in rows:
            self.ledger.cancel(row.block, now, given_up)
        jobs = tuple(row.job for row in rows if row.job is not None)
        return [Cancel(jobs)] if jobs else []


def _works_without_us(row: BlockRow) -> bool:
    """Whether a block works, or runs and has yet to connect, for which there is a time limit of its own."""
    return row.connected or (row.running_since is not None and row.connected_since is None and not row.leaving)
