"""A batch system, workers and tasks without any process: what a controller decides while a load comes and goes.

Time goes in steps of one second. A block that was asked for starts after a wait in the queue; its manager connects at
once. Tasks are held by the blocks that connected first. A drained block ends in the next step, a cancelled one too.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import BlockId, ExecutorLabel, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.limits import BlockLimits, ExecutorLoad
from parsl_like.jobs.controller import BlockController
from parsl_like.jobs.effects import Cancel, Drain, Effect, Note, Submit
from parsl_like.jobs.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.jobs.policy import ScalingPolicy

Load = "Sequence[tuple[float, int]]"


@dataclass(frozen=True)
class Decided:
    """One decision that changed something.

    Attributes:
        at: When, in seconds since the start.
        out: Blocks that were asked for.
        gone: Blocks that were let go.
        reason: Why.
    """

    at: float
    out: int
    gone: tuple[str, ...]
    reason: str


@dataclass
class Simulation:
    """One executor with its blocks.

    Attributes:
        policy: How many blocks there should be.
        limits: How many there may be.
        load: When so many tasks run or could run, in the order of time.
        slots: Of each block.
        max_idle: Seconds of idleness after which a block is not needed.
        queue: Seconds that a block waits before it starts.
        life: Seconds after which the batch system ends a block; None for never.
        drain: Seconds before that at which its managers take nothing new.
        decisions: Those made so far.
        counts: How many blocks were not over, second by second.
        ended: When blocks ended.
    """

    policy: ScalingPolicy
    limits: BlockLimits
    load: Sequence[tuple[float, int]]
    slots: int = 1
    max_idle: float = 120.0
    queue: float = 0.0
    life: float | None = None
    drain: float = 0.0
    decisions: list[Decided] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = 0.0
        patience = Patience(connect_timeout=600.0)
        self.controller = BlockController("x", self.limits, self.policy, self.max_idle, patience)
        self._asked: dict[BlockId, float] = {}
        self._started: dict[BlockId, float] = {}
        self._ending: set[BlockId] = set()

    def run(self, seconds: float) -> Simulation:
        """Go on for some seconds."""
        if not self.now:
            self._take(self.controller.start(self.now))
        until = self.now + seconds
        while self.now <= until:
            self._batch_system()
            self._take(self.controller.decide(self.state(), now=self.now, jitter=0.5))
            self.counts.append(len(self._asked))
            self.now += 1.0
        return self

    def outstanding(self) -> int:
        """How many tasks there are now."""
        return self.outstanding_at(self.now)

    def outstanding_at(self, when: float) -> int:
        """How many tasks there are at some time."""
        at = bisect.bisect_right(self.load, when, key=lambda point: point[0])
        return self.load[at - 1][1] if at else 0

    def state(self) -> ExecutorLoad:
        """What the executor says."""
        connected = tuple(self._started)
        draining = tuple(block for block in connected if self._is_about_to_end(block))
        taking = [block for block in connected if block not in draining and block not in self._ending]
        needed = -(-self.outstanding() // self.slots)
        return ExecutorLoad(
            ExecutorLabel("x"),
            self.outstanding(),
            len(taking) * self.slots,
            self.slots,
            connected,
            tuple(taking[needed:]),
            draining=draining,
        )

    def _is_about_to_end(self, block: BlockId) -> bool:
        return self.life is not None and self.now >= self._started[block] + self.life - self.drain

    def _batch_system(self) -> None:
        """What becomes of the jobs in this second."""
        reports = {}
        for block, asked in list(self._asked.items()):
            state = JobState.RUNNING if self.now >= asked + self.queue else JobState.PENDING
            if state is JobState.RUNNING:
                self._started.setdefault(block, self.now)
            over = self.life is not None and block in self._started and self.now >= self._started[block] + self.life
            if over or block in self._ending:
                state = JobState.TIMEOUT if over else JobState.CANCELLED
                del self._asked[block]
                self._started.pop(block, None)
                self._ending.discard(block)
                self.ended.append(self.now)
            reports[JobId(f"job{block}")] = JobReport(state)
        asked_after = self.controller.ledger.jobs()
        self._take(self.controller.answered(asked_after, reports, now=self.now, jitter=0.5))

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Submit):
                self._asked[effect.block] = self.now
                self._take(self.controller.submitted(effect.block, JobId(f"job{effect.block}"), self.now))
            elif isinstance(effect, Drain):
                self._ending.update(effect.blocks)
            elif isinstance(effect, Cancel):
                self._ending.update(BlockId(job.removeprefix("job")) for job in effect.jobs)
            elif isinstance(effect, Note) and effect.kind == "decision":
                self._note(dict(effect.fields))

    def _note(self, fields: dict[str, Any]) -> None:
        out, gone = fields["scale_out"], tuple(fields["scale_in"])
        if out or gone:
            self.decisions.append(Decided(self.now, out, gone, fields["reason"]))
