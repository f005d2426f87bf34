"""A run of the jobs thread that waits for nothing longer than it has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.jobs.poller_run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr("parsl_like.jobs.breaker.FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("parsl_like.jobs.pace.FIRST_POLL_S", 0.01)
    run = Run(tmp_path)
    yield run
    for gate in run.gates:
        gate.set()
    run.close()
