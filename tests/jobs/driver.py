"""A controller, and what carries its effects out as a test wants."""

from __future__ import annotations

import dataclasses
from typing import Any

from parsl_like.core.ids import BlockId, ExecutorLabel, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.limits import BlockLimits, ExecutorLoad
from parsl_like.jobs.controller import BlockController
from parsl_like.jobs.effects import Effect, Note
from parsl_like.jobs.patience import Patience
from parsl_like.jobs.policy import simple

RUNNING, PENDING = JobReport(JobState.RUNNING), JobReport(JobState.PENDING)


class Driver:
    """Carries effects out as a batch system that takes everything would, unless a test does it itself."""

    def __init__(
        self,
        *,
        policy: Any = simple,
        init: int = 1,
        low: int = 0,
        high: int = 4,
        pending_timeout: float | None = None,
        **more: Any,
    ) -> None:
        options = {"max_idle": 120.0, "patience": Patience(90.0, pending_timeout), **more}
        self.controller = BlockController("htex", BlockLimits(init, low, high), policy, **options)
        self.now = 0.0
        self.load = ExecutorLoad(ExecutorLabel("htex"), 0, 0, 2)
        self.seen: list[Effect] = []

    def take(self, effects: list[Effect]) -> list[Effect]:
        self.seen += effects
        return [effect for effect in effects if not isinstance(effect, Note)]

    def start(self) -> list[Effect]:
        return self.take(self.controller.start(self.now))

    def submitted(self, *blocks: str) -> list[Effect]:
        effects = [self.controller.submitted(BlockId(b), JobId(f"job{b}"), self.now) for b in blocks]
        return self.take([effect for some in effects for effect in some])

    def refused(self, block: str, reason: str = "no", *, transient: bool = True) -> list[Effect]:
        return self.take(self.controller.refused(BlockId(block), reason, transient=transient, now=self.now, jitter=0.5))

    def answered(self, **reports: JobReport) -> list[Effect]:
        asked = self.controller.ledger.jobs()
        known = {JobId(job): report for job, report in reports.items()}
        return self.take(self.controller.answered(asked, known, now=self.now, jitter=0.5))

    def unanswered(self, reason: str = "down") -> list[Effect]:
        asked = self.controller.ledger.jobs()
        return self.take(self.controller.unanswered(asked, reason, now=self.now, jitter=0.5))

    def decide(self, **load: Any) -> list[Effect]:
        self.load = dataclasses.replace(self.load, **load)
        return self.take(self.controller.decide(self.load, now=self.now, jitter=0.5))

    def wait(self, seconds: float) -> Driver:
        self.now += seconds
        return self

    def notes(self, kind: str) -> list[Note]:
        return [effect for effect in self.seen if isinstance(effect, Note) and effect.kind == kind]

    def running(self, *blocks: str) -> Driver:
        """Blocks that were submitted, run, and have connected."""
        self.submitted(*blocks)
        self.answered(**{f"job{b}": RUNNING for b in blocks})
        self.decide(connected=tuple({*self.load.connected, *map(BlockId, blocks)}))
        return self


def ended(code: int, message: str = "script.sh ended") -> JobReport:
    return JobReport(JobState.COMPLETED if code == 0 else JobState.FAILED, message, code)
