"""What to do about the blocks of one executor: news in, effects out. Pure.

Joins the ledger (what blocks there are), a policy (how many there should be) and the breaker (when to wait, when to
give up). Whoever drives it carries the effects out and brings their outcome back.

A block leaves in one of three ways: it ends by itself; a policy does not need it, then its managers are asked to drain
and its job is cancelled only if that does not end it; or everything is to end, then its job is cancelled at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobState
from parsl_like.jobs.breaker import STEADY_AFTER_S, Breaker
from parsl_like.jobs.effects import Cancel, Condemn, Drain, Effect, Ended, Note, Submit
from parsl_like.jobs.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from parsl_like.core.ids import JobId
    from parsl_like.core.job_states import JobReport
    from parsl_like.core.limits import BlockLimits, Decision, ExecutorLoad
    from parsl_like.jobs.ledger import BlockRow, Change
    from parsl_like.jobs.policy import ScalingPolicy

DRAIN_GRACE_S = 5.0
"""How long the job of a drained block may outlive its managers."""
DRAIN_PATIENCE_S = 30.0
"""How long an idle block may go on after it was asked to drain."""
CANCEL_AGAIN_S = 30.0
"""When a cancelled job that still runs is cancelled again."""
SLOW_CONNECT_S = 60.0
"""When a block that runs but has not connected is worth a warning."""
SAME_REASON_S = 5.0
"""Decisions to do nothing are recorded when their reason changes, but not more often than this."""

_SILENT = "no manager of it has connected"


@dataclass(slots=True)
class BlockController:
    """The blocks of one executor. All times are monotonic seconds, all jitters random numbers from 0 to 1.

    Attributes:
        label: The executor.
        limits: How many blocks there may be.
        policy: How many there should be.
        max_idle: Seconds of idleness after which a block is not needed.
        connect_timeout: Seconds a block may run before a manager must have connected.
        gives_up: Whether the executor fails when no block can be had; if not, it is tried for ever.
        ledger: The blocks.
        breaker: What went wrong of late.
        last_decision: What was last decided, in words.
        condemned: Whether the executor was failed.
        closing: Whether everything is to end.
    """

    label: str
    limits: BlockLimits
    policy: ScalingPolicy
    max_idle: float
    connect_timeout: float
    gives_up: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    breaker: Breaker = field(default_factory=Breaker)
    last_decision: str = ""
    condemned: bool = False
    closing: bool = False
    _next_block: int = 0
    _ever_connected: bool = False
    _idle_since: dict[BlockId, float] = field(default_factory=dict)
    _cancel_sent: dict[BlockId, float] = field(default_factory=dict)
    _warned: set[BlockId] = field(default_factory=set)
    _steady: set[BlockId] = field(default_factory=set)
    _noted: tuple[str, float] = ("", float("-inf"))

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to end."""
        return not self.ledger.live()

    # --- what is wanted ------------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Effect]:
        """Ask for the initial blocks."""
        if not self.limits.init:
            return []
        return [
            *self._decided("the run starts", now, scale_out=self.limits.init),
            *self.scale_out(self.limits.init, now),
        ]

    def scale_out(self, count: int, now: float) -> list[Effect]:
        """Ask for blocks, whatever the policy thinks."""
        effects: list[Effect] = []
        for _ in range(count):
            block = BlockId(str(self._next_block))
            self._next_block += 1
            effects += [self._note_change(self.ledger.request(block, now)), Submit(block)]
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
        lost = tuple(row.job for row in self.ledger.rows() if row.state is JobState.MISSING and row.job is not None)
        # A job that is only not seen may still be there, and must not outlive the run.
        return [*([Cancel(lost)] if lost else []), *self._cancel(self.ledger.live(), now)]

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
            return [self._warning(text), Cancel((job,))]
        fields = {"executor": self.label, "job": job, "state": row.state.name}
        return [Note("block", block, fields), *(self._cancel([row], now) if row.leaving else [])]

    def refused(self, block: BlockId, reason: str, *, transient: bool, now: float, jitter: float) -> list[Effect]:
        """A block was not taken."""
        since = self.ledger[block].requested
        self.breaker.refused(reason, transient=transient, since=since, now=now, jitter=jitter)
        change = self.ledger.refused(block, reason, now)
        return [*self._follow(change, now, jitter), *self._judge(None, now)]

    def withdrawn(self, block: BlockId, now: float) -> list[Effect]:
        """A block that was to be submitted was not, because everything is to end."""
        return self._follow(self.ledger.refused(block, "not submitted any more", now), now, 0.0)

    def answered(
        self, asked: Sequence[JobId], reports: Mapping[JobId, JobReport], *, now: float, jitter: float
    ) -> list[Effect]:
        """The batch system said how jobs are."""
        return self._changed(self.ledger.answered(asked, reports, now), now, jitter)

    def unanswered(self, asked: Sequence[JobId], reason: str, *, now: float, jitter: float) -> list[Effect]:
        """The batch system could not say how jobs are."""
        changes = self.ledger.unanswered(asked, reason, self.connect_timeout, now)
        return self._changed(changes, now, jitter, hopeless=not self._ever_connected)

    def _changed(self, changes: Iterable[Change], now: float, jitter: float, *, hopeless: bool = False) -> list[Effect]:
        effects: list[Effect] = []
        dead: BlockRow | None = None
        for change in changes:
            effects += self._follow(change, now, jitter)
            if change.row.stillborn:
                dead = change.row
        if dead is None:
            return effects
        # As in _give_up: where nothing has ever worked, the next block would take as long to show the same.
        return effects + self._judge(dead, now, verdict=self.breaker.last if hopeless else None)

    # --- from time to time, and when something may have changed --------------------------------------------------

    def decide(self, load: ExecutorLoad, *, now: float, jitter: float) -> list[Effect]:
        """Look at everything once: who has connected, who is overdue, how many blocks there should be."""
        effects = [] if self.closing else self._see_connected(load, now)
        effects += self._see_overdue(load, now, jitter)
        if self.closing or self.condemned:
            return effects
        return effects + self._scale(load, now)

    def _see_connected(self, load: ExecutorLoad, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for block in self.ledger.connected(load.connected, now):
            self._ever_connected = True
            self.breaker.connected()
            row = self.ledger[block]
            fields = {"executor": self.label, "job": row.job, "state": row.state.name, "connected": True}
            effects.append(Note("block", block, fields))
        for row in self.ledger.live():
            since = row.connected_since
            if row.connected and since is not None and now - since >= STEADY_AFTER_S and row.block not in self._steady:
                # Once for each block: that one goes on is no reason to expect that the next will be taken.
                self._steady.add(row.block)
                self.breaker.steady()
        return effects

    def _see_overdue(self, load: ExecutorLoad, now: float, jitter: float) -> list[Effect]:
        """Blocks that do not connect, do not drain, or do not end."""
        effects: list[Effect] = []
        rows = self.ledger.live()
        idle = set(load.idle_blocks)
        effects += self._cancel([row for row in rows if self._will_not_drain(row, idle, now)], now)
        effects += self._cancel([row for row in rows if self._will_not_end(row, now)], now)
        for row in rows:
            if row.running_since is None or row.connected_since is not None or row.leaving:
                continue
            waited = now - row.running_since
            if waited >= self.connect_timeout:
                effects += self._give_up(row, waited, now, jitter)
            elif waited >= SLOW_CONNECT_S and row.block not in self._warned:
                self._warned.add(row.block)
                effects.append(
                    self._warning(f"block {row.block} (job {row.job}) runs for {waited:.0f} s, but {_SILENT}")
                )
        return effects

    def _will_not_drain(self, row: BlockRow, idle: set[BlockId], now: float) -> bool:
        if row.drain_asked is None or row.cancel_asked is not None:
            return False
        if row.connected:
            return row.block in idle and now - row.drain_asked >= DRAIN_PATIENCE_S
        return now - row.drain_asked >= DRAIN_GRACE_S

    def _will_not_end(self, row: BlockRow, now: float) -> bool:
        return row.cancel_asked is not None and now - self._cancel_sent.get(row.block, now) >= CANCEL_AGAIN_S

    def _give_up(self, row: BlockRow, waited: float, now: float, jitter: float) -> list[Effect]:
        reason = f"block {row.block} (job {row.job}) ran for {waited:.0f} s, but {_SILENT}"
        self.breaker.stillborn(reason, now=now, jitter=jitter)
        effects = [self._warning(f"{reason}; it is cancelled"), *self._cancel([row], now)]
        if self._ever_connected:
            return effects + self._judge(row, now)
        # Nothing has ever worked, and the next block would take as long to show the same.
        return effects + self._judge(row, now, verdict=reason)

    def _scale(self, load: ExecutorLoad, now: float) -> list[Effect]:
        rows = self.ledger.live()
        staying = [row.block for row in rows if not row.leaving]
        decision = self.policy(
            self.limits, load, live_blocks=staying, now=now, max_idle=self.max_idle, idle_since=self._idle_since
        )
        self._idle_since = decision.idle_since
        # A block that leaves still holds its nodes: the maximum is a promise to the batch system, not to the tasks.
        count = min(decision.scale_out, self.limits.maximum - len(rows))
        reason = decision.reason
        if decision.scale_out and count <= 0:
            reason = "blocks that are about to end are still in the way"
        elif decision.scale_out and now < self.breaker.retry_at:
            count, reason = (
                0,
                f"the next block is asked for later, because of trouble with the last: {self.breaker.last}",
            )
        effects = self._decided(reason, now, max(0, count), decision, load)
        return [*effects, *self.scale_out(max(0, count), now), *self.scale_in(decision.scale_in, now)]

    def next_due(self, now: float) -> float | None:
        """When a decision would come out differently only because time has passed; None if no time is known."""
        times = [self.breaker.retry_at] if self.breaker.retry_at > now else []
        for row in self.ledger.live():
            if row.cancel_asked is not None:
                times.append(self._cancel_sent.get(row.block, now) + CANCEL_AGAIN_S)
            elif row.drain_asked is not None:
                times += [row.drain_asked + DRAIN_GRACE_S, row.drain_asked + DRAIN_PATIENCE_S]
            elif row.running_since is not None and row.connected_since is None:
                times.append(row.running_since + self.connect_timeout)
        times += [since + self.max_idle for since in self._idle_since.values()]
        return min((time for time in times if time > now), default=None)

    # --- what follows from what ----------------------------------------------------------------------------------

    def _follow(self, change: Change | None, now: float, jitter: float) -> list[Effect]:
        if change is None:
            return []
        row = change.row
        effects: list[Effect] = [self._note_change(change)]
        if not row.over:
            return effects
        self._cancel_sent.pop(row.block, None)
        self._warned.discard(row.block)
        self._steady.discard(row.block)
        if row.job is None:
            reason = f"it could not be submitted: {row.message}"
        else:
            reason = f"its job {row.job} is {row.state.name}" + (f": {row.message}" if row.message else "")
        if row.state is JobState.MISSING and row.job is not None:
            effects.append(Cancel((row.job,)))  # should it come back, nobody wants it any more
        if row.stillborn and row.job is not None:
            self.breaker.stillborn(f"block {row.block}: {reason}", now=now, jitter=jitter)
        elif not row.leaving and row.connected_since is not None and now - row.connected_since < STEADY_AFTER_S:
            self.breaker.short_lived(f"block {row.block}: {reason}", now=now, jitter=jitter)
        return [*effects, Ended(row.block, reason)]

    def _judge(self, row: BlockRow | None, now: float, verdict: str | None = None) -> list[Effect]:
        """Fail the executor if there is a reason for it and no block left that may yet do its work."""
        reason = verdict or self.breaker.verdict(now)
        if reason is None or not self.gives_up or self.condemned or self.closing:
            return []
        if any(not other.leaving for other in self.ledger.live()):
            return []
        self.condemned = True
        return [Condemn(reason, row), *self._cancel(self.ledger.live(), now)]

    def _cancel(self, rows: Sequence[BlockRow], now: float) -> list[Effect]:
        for row in rows:
            self.ledger.cancel(row.block, now)
            if row.job is not None:
                self._cancel_sent[row.block] = now
        jobs = tuple(row.job for row in rows if row.job is not None)
        return [Cancel(jobs)] if jobs else []

    # --- records -------------------------------------------------------------------------------------------------

    def _decided(
        self,
        reason: str,
        now: float,
        scale_out: int,
        decision: Decision | None = None,
        load: ExecutorLoad | None = None,
    ) -> list[Effect]:
        self.last_decision = reason
        scale_in = decision.scale_in if decision is not None else ()
        if not scale_out and not scale_in:
            noted, when = self._noted
            if reason == noted or now - when < SAME_REASON_S:
                return []
            self._noted = (reason, now)
        fields: dict[str, Any] = {"scale_out": scale_out, "scale_in": list(scale_in), "reason": reason}
        if load is not None:
            fields |= {"outstanding": load.outstanding, "slots": load.slots, "connected": len(load.connected)}
        return [Note("decision", self.label, fields)]

    def _note_change(self, change: Change) -> Note:
        row = change.row
        fields: dict[str, Any] = {"executor": self.label, "job": row.job, "state": row.state.name}
        if row.message:
            fields["reason"] = row.message
        if row.exit_code is not None:
            fields["exit_code"] = row.exit_code
        return Note("block", row.block, fields)

    def _warning(self, text: str) -> Note:
        return Note("warning", self.label, {"text": text})
