"""The jobs thread with blocks that are real processes, some of which are killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.clocks import SystemClock
from parsl_like.core.ids import BlockId
from parsl_like.errors import BadStateException
from parsl_like.jobs.policy import none, simple
from parsl_like.jobs.poller import JobPoller
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LocalProvider
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.local_session import LocalJob
from parsl_like.testing.stub_elastic import StubElasticSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 60.0
READY = "trap '' TERM; echo ready; while :; do read -t 600 <> <(:); done"


class Run:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = StubElasticSession("htex", "sleep 600")
        self.poller = JobPoller(record=lambda record: None, clock=SystemClock(), period=0.1)

    def add(self, command: str, *, policy: Any = simple, connect_timeout: float = 90.0, **options: Any) -> None:
        self.session = StubElasticSession("htex", command)
        self.session.set_load(outstanding=1)
        provider = LocalProvider(**options).sealed()
        pace = SimpleNamespace(
            label="local", status_polling_interval=0.1, connect_timeout=connect_timeout, cmd_timeout=30
        )
        context = one_shot_context(str(self.folder))
        self.poller.add(self.session, provider.open(context), provider.limits(), policy, description=pace)

    def failure(self) -> str:
        self.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        assert isinstance(self.session.failures[0], BadStateException)
        return str(self.session.failures[0])

    def job(self, block: str, *, connected: bool = False) -> LocalJob:
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while True:
            row = self.poller.status()["htex"].get("blocks", {}).get(block)
            if row is not None and row["state"] == "RUNNING" and row["connected"] is connected:
                job = LocalJob.parse(row["job"])
                assert job is not None
                return job
            assert time.monotonic() < deadline, self.poller.status()
            pause.wait(0.01)

    def wait_for_output(self, text: str) -> None:
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while not any(text in path.read_text() for path in self.folder.glob("*.out")):
            assert time.monotonic() < deadline
            pause.wait(0.01)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr("parsl_like.jobs.breaker.FIRST_WAIT_S", 0.1)
    monkeypatch.setattr("parsl_like.jobs.pace.FIRST_POLL_S", 0.1)
    run = Run(tmp_path)
    yield run
    run.poller.close(time.monotonic() + PATIENCE_S)


def test_a_worker_init_that_fails_is_told_with_its_words(run: Run) -> None:
    run.add("sleep 600", worker_init="echo the module system is broken >&2; exit 1")
    text = run.failure()
    assert "Executor htex failed due to: Unable to scale out local provider: 3 blocks in a row ended" in text
    assert "it wrote:\n    the module system is broken" in text
    assert "exit code 1" in text
    assert "likely cause: worker_init or the block's command failed" in text
    assert str(run.folder) in text
    assert ".sh ended with exit code 1" in text


def test_a_command_that_is_no_worker_is_told(run: Run) -> None:
    run.add("true")
    assert "likely cause: it ended without an error before it had connected" in run.failure()


def test_a_launcher_that_raises_is_told(run: Run) -> None:
    def launcher(command: str, tasks: int, nodes: int) -> str:
        raise RuntimeError("no allocation")

    run.add("true", launcher=launcher)
    text = run.failure()
    assert "3 submissions in a row were refused" in text
    assert "it raised RuntimeError: no allocation" in text


def test_a_worker_that_never_connects_is_told_and_ended(run: Run) -> None:
    run.add("echo waiting for the network >&2; sleep 600", connect_timeout=0.5)
    text = run.failure()
    assert "but no manager of it has connected" in text
    assert "worker_init takes too long, or the manager cannot reach this program" in text
    assert "it wrote:\n    waiting for the network" in text
    run.session.wait_until(lambda session: "0" in session.ended, PATIENCE_S)


@pytest.mark.parametrize("policy", [simple, none])
def test_a_killed_block_is_replaced(policy: Any, run: Run) -> None:
    run.add("sleep 600", policy=policy)
    first = run.job("0")
    run.session.set_load(connected=(BlockId("0"),))
    run.job("0", connected=True)
    os.kill(first.pid, signal.SIGKILL)
    run.session.set_load(connected=())
    assert run.job("1").pid != first.pid
    run.session.wait_until(lambda session: "0" in session.ended, PATIENCE_S)
    assert "ended by signal 9 (SIGKILL)" in run.session.ended["0"]
    assert run.session.failures == []


@pytest.mark.skipif(sys.platform != "linux", reason="ends of processes are not announced there")
def test_the_end_of_a_block_is_heard_of_although_nobody_asks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.jobs.pace.LONGEST_CALM_S", 3600.0)
    run.add("sleep 600")
    run.job("0")
    run.session.set_load(connected=(BlockId("0"),))
    job = run.job("0", connected=True)
    supply, deadline, pause = run.poller._supplies["htex"], time.monotonic() + PATIENCE_S, threading.Event()
    while supply._asking or (supply._pace.at or 0.0) < time.monotonic() + 1800:
        assert time.monotonic() < deadline, "it is asked after all the time"
        pause.wait(0.01)
    os.kill(job.pid, signal.SIGKILL)
    run.session.wait_until(lambda session: "0" in session.ended, PATIENCE_S)
    assert "ended by signal 9 (SIGKILL)" in run.session.ended["0"]


def test_at_the_end_nothing_is_left_however_stubborn(run: Run) -> None:
    run.add(READY, launcher=SimpleLauncher())
    job = run.job("0")
    run.wait_for_output("ready")
    run.poller.close(time.monotonic() + 2.0)
    assert job.facts() is None
    assert "SCALED_IN" in run.session.ended["0"]
