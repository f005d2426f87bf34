"""The provider without a batch system does what it is told, and what a provider promises where it can."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.ports import BlockRequest
from parsl_like.testing.stub_elastic import StubElasticSession
from parsl_like.testing.stub_provider import StubProviderSession

if TYPE_CHECKING:
    from pathlib import Path


def submit(session: StubProviderSession, block: str = "0") -> JobId:
    return session.submit(BlockRequest(BlockId(block), "run"))


def test_jobs_do_what_the_test_says(tmp_path: Path) -> None:
    session = StubProviderSession(str(tmp_path), JobState.PENDING)
    job = submit(session)
    assert session.status([job, JobId("strange")]) == {job: JobReport(JobState.PENDING)}
    session.set_state(job, JobState.RUNNING, "on n1")
    assert session.status([job]) == {job: JobReport(JobState.RUNNING, "on n1")}
    session.finish(job, 3, "said")
    assert session.status([job])[job].exit_code == 3
    stderr = session.output(job)[1]
    assert stderr is not None
    assert (tmp_path / f"{job}.err").samefile(stderr)
    assert session.cancel([job]) == {job: True}
    assert session.status([job])[job].state is JobState.FAILED


def test_jobs_can_be_hidden() -> None:
    session = StubProviderSession()
    job = submit(session)
    session.hide([job])
    assert session.status([job]) == {}
    session.show([job])
    assert session.status([job]) == {job: JobReport(JobState.RUNNING)}
    assert session.output(job) == (None, None)


def test_jobs_can_be_stubborn() -> None:
    session = StubProviderSession()
    one, other = submit(session, "0"), submit(session, "1")
    session.ignore_cancel([one])
    assert session.cancel([one, other, JobId("strange")]) == {one: True, other: True, JobId("strange"): False}
    assert session.status([one, other]) == {one: JobReport(JobState.RUNNING), other: JobReport(JobState.CANCELLED)}


def test_calls_can_raise_and_hang() -> None:
    session = StubProviderSession()
    gate = threading.Event()
    session.script("status", KeyError("x"), gate)
    with pytest.raises(KeyError):
        session.status([])
    thread = threading.Thread(target=session.status, args=([],))
    thread.start()
    session.wait_until(lambda session: len(session.calls) == 2)
    assert thread.is_alive()
    gate.set()
    thread.join()
    session.close()
    assert session.closed


def test_what_does_not_come_is_told_with_what_did() -> None:
    session = StubProviderSession()
    submit(session)
    with pytest.raises(TimeoutError, match=r"calls: \['submit'\]"):
        session.wait_until(lambda session: False, timeout=0.01)


def test_the_executor_that_runs_nothing() -> None:
    session = StubElasticSession("x", "command")
    nudges: list[int] = []
    session.when_crowded(lambda: nudges.append(1))
    session.set_load(outstanding=2, slots=2)
    assert nudges == []
    session.set_load(outstanding=3)
    assert (nudges, session.load().outstanding) == ([1], 3)
    assert (session.fds(), session.pump(), session.label) == ((), (), "x")
    assert session.block_request(BlockId("0")).command == "command"
    with pytest.raises(NotImplementedError):
        session.submit([])
    session.cancel([])
    session.close(deadline=0.0)
    with pytest.raises(TimeoutError):
        session.wait_until(lambda session: bool(session.ended), timeout=0.01)
