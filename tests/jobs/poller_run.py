"""A poller with one executor and one provider, both of which do what a test says."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from parsl_like.clocks import SystemClock
from parsl_like.core.limits import BlockLimits
from parsl_like.jobs.policy import simple
from parsl_like.jobs.poller import JobPoller
from parsl_like.testing.stub_elastic import StubElasticSession
from parsl_like.testing.stub_provider import StubProviderSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.core.records import Record

PATIENCE_S = 30.0


class Fast:
    """What the description of a provider says that may be asked very often."""

    label = "stub"
    status_polling_interval = 0.1
    connect_timeout = 600.0
    cmd_timeout = 1.0


class Records:
    def __init__(self) -> None:
        self.taken: list[Record] = []
        self._changed = threading.Condition()

    def take(self, record: Record) -> None:
        with self._changed:
            self.taken.append(record)
            self._changed.notify_all()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [dict(record.fields) for record in self.taken if record.kind == kind]

    def wait_until(self, condition: Callable[[Records], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), PATIENCE_S), self.taken


class Run:
    """A poller, and one executor with its provider."""

    def __init__(self, tmp_path: Path) -> None:
        self.records = Records()
        self.session = StubElasticSession()
        self.provider = StubProviderSession(str(tmp_path))
        self.poller = self.new_poller()
        self.gates: list[threading.Event] = []

    def new_poller(self, **more: Any) -> JobPoller:
        options = {"period": 0.1, "max_idle": 3600.0, "jitter": lambda: 0.0, **more}
        return JobPoller(record=self.records.take, clock=SystemClock(), **options)

    def add(self, *, init: int = 1, low: int = 0, high: int = 1, policy: Any = simple, **more: Any) -> None:
        limits = BlockLimits(init, low, high)
        options = {"description": Fast(), **more}
        self.poller.add(self.session, self.provider, limits, policy, **options)

    def gate(self) -> threading.Event:
        gate = threading.Event()
        self.gates.append(gate)
        return gate

    def close(self, seconds: float = PATIENCE_S) -> None:
        self.poller.close(time.monotonic() + seconds)

    def live(self) -> dict[str, Any]:
        return dict(self.poller.status()["stub"]["blocks"])
