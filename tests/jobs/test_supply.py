"""Blocks that wait, are forgotten, or are not wanted any more by the time they would be submitted."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.limits import BlockLimits
from parsl_like.errors import BadStateException, SubmitException
from parsl_like.jobs.policy import htex_auto_scale
from parsl_like.testing.stub_elastic import StubElasticSession
from parsl_like.testing.stub_provider import StubProviderSession
from tests.jobs.poller_run import PATIENCE_S, Fast, Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Queue(StubProviderSession):
    """Its jobs wait, with the reason that a test gives."""

    report = JobReport(JobState.PENDING, "Priority")

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        known = super().status(jobs)
        return {job: self.report if report.state is JobState.RUNNING else report for job, report in known.items()}

    def script(self, job: Any, *events: Any) -> Any:  # of a job that was given; the stub's own method by this name else
        return f"/runs/submit_scripts/{job}.sh" if job in self.submitted else super().script(job, *events)


@pytest.fixture
def queue(run: Run) -> Queue:
    run.provider = queue = Queue()
    run.session.set_load(outstanding=1)
    return queue


class TestWaiting:
    def test_a_job_that_can_never_start_fails_the_executor(
        self, run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("parsl_like.jobs.patience.HOPELESS_FOR_S", 0.3)
        queue.report = JobReport(JobState.HELD, "JobHeldUser", hopeless="it is held by its user (JobHeldUser)")
        run.add()
        run.records.wait_until(lambda records: any(block["state"] == "HELD" for block in records.of("block")))
        run.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        text = str(run.session.failures[0])
        assert "block 0 (job stub-1) waits, and can never start as it is: it is held by its user" in text
        assert "likely cause: the job is held; whoever holds it has to release it" in text
        assert "script: /runs/submit_scripts/stub-1.sh" in text
        run.session.wait_until(lambda session: "0" in session.ended)
        assert queue.cancelled == ["stub-1"]
        assert [block["state"] for block in run.records.of("block")][-1] == "FAILED"

    def test_until_then_the_status_says_why(self, run: Run, queue: Queue) -> None:
        queue.report = JobReport(JobState.PENDING, "PartitionDown", hopeless="partition batch is down")
        run.add()
        run.records.wait_until(lambda records: "cannot start as it is" in str(records.of("warning")))
        shown = {"job": "stub-1", "state": "PENDING", "connected": False, "hopeless": "partition batch is down"}
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while run.live() != {"0": shown}:
            assert time.monotonic() < deadline, run.live()
            pause.wait(0.01)
        assert run.session.failures == []

    def test_one_that_waits_for_longer_than_its_provider_allows_does_too(self, run: Run, queue: Queue) -> None:
        class Impatient(Fast):
            pending_timeout = 0.3

        run.add(description=Impatient())
        run.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        text = str(run.session.failures[0])
        assert "longer than pending_timeout=0.3 allows: Priority" in text
        assert queue.cancelled == ["stub-1"]

    def test_others_wait_for_as_long_as_it_takes(self, run: Run, queue: Queue) -> None:
        run.add()
        queue.wait_until(lambda queue: queue.calls.count("status") > 5)
        assert queue.cancelled == []


def test_many_blocks_wait_for_one_another_but_the_first_for_none(run: Run) -> None:
    """Submissions go one after another; it takes the time of one until the first has been made."""
    gates = [run.gate() for _ in range(10)]
    run.provider.script("submit", *gates)
    run.session.set_load(outstanding=10)
    run.add(init=0, high=10)
    run.provider.wait_until(lambda provider: provider.calls == ["submit"])
    gates[0].set()
    run.provider.wait_until(lambda provider: len(provider.submitted) == 1 and provider.calls.count("submit") == 2)


def test_an_end_is_asked_for_before_other_blocks_are(run: Run) -> None:
    gate = run.gate()
    run.session.set_load(outstanding=10)
    run.add(init=1, high=10)
    run.provider.wait_until(lambda provider: len(provider.submitted) == 10)
    run.provider.script("submit", gate)
    run.poller.scale_out("stub", 5)
    run.provider.wait_until(lambda provider: provider.calls.count("submit") == 11)
    run.poller.scale_in("stub", [BlockId("0")])
    run.poller.scale_out("stub", 1)  # once that is known, so is the one before
    run.records.wait_until(lambda records: len([b for b in records.of("block") if b["job"] is None]) == 16)
    gate.set()
    run.provider.wait_until(lambda provider: provider.calls.count("submit") == 16)
    after = [call for call in run.provider.calls if call in ("submit", "cancel")][11:]
    assert after[0] == "cancel"


def test_blocks_that_nobody_wants_any_more_are_not_submitted(run: Run) -> None:
    gate = run.gate()
    run.provider.script("submit", gate)
    run.session.set_load(outstanding=5)
    run.add(init=0, high=5, policy=htex_auto_scale)
    run.provider.wait_until(lambda provider: provider.calls == ["submit"])
    run.session.set_load(outstanding=0)
    run.poller.scale_in("stub", [BlockId(str(number)) for number in range(1, 5)])
    gate.set()
    run.session.wait_until(lambda session: set(session.ended) == set("1234"))
    assert run.provider.calls.count("submit") == 1
    assert {block["state"] for block in run.records.of("block")} <= {"PENDING", "RUNNING", "SCALED_IN"}
    assert run.session.failures == []


def test_what_waited_for_the_first_block_after_trouble_follows_at_once(run: Run) -> None:
    run.poller = run.new_poller(period=3600.0)
    run.provider.script("submit", SubmitException("job", "busy", transient=True))
    run.session.set_load(outstanding=4)
    run.add(init=1, high=4)
    run.provider.wait_until(lambda provider: len(provider.submitted) == 4)


class TestForgotten:
    @pytest.fixture(autouse=True)
    def quickly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("parsl_like.jobs.ledger.PARTED_AFTER_S", 0.2)
        monkeypatch.setattr("parsl_like.jobs.supply.KILL_AFTER_S", 0.2)

    def lose(self, run: Run) -> None:
        """The block's managers go, and nobody knows what became of its job."""
        run.session.set_load(outstanding=1)
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.session.set_load(connected=(BlockId("0"),), slots=1)
        run.records.wait_until(lambda records: any("connected" in block for block in records.of("block")))
        run.provider.script("status", *[OSError("down")] * 10_000)
        run.session.set_load(connected=(), slots=0)
        run.session.wait_until(lambda session: "0" in session.ended, PATIENCE_S)
        assert "MISSING" in run.session.ended["0"]

    def test_its_end_is_asked_for_and_another_takes_its_place(self, run: Run) -> None:
        self.lose(run)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 2)
        assert run.provider.cancelled == ["stub-1"]

    def test_while_that_cannot_be_asked_for_it_keeps_its_place(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("parsl_like.jobs.patience.CANCEL_AGAIN_S", 0.2)
        run.provider.script("cancel", *[OSError("down")] * 3)
        self.lose(run)
        run.provider.wait_until(lambda provider: provider.calls.count("cancel") == 3)
        assert len(run.provider.submitted) == 1
        run.provider.wait_until(lambda provider: len(provider.submitted) == 2)


def test_blocks_of_an_earlier_run_are_looked_after(run: Run) -> None:
    run.provider.set_state(JobId("old-1"), JobState.RUNNING)
    run.session.set_load(connected=(BlockId("0"),), slots=1, outstanding=1)
    run.add(init=1, adopted={BlockId("0"): JobId("old-1")})
    run.records.wait_until(lambda records: any("connected" in block for block in records.of("block")))
    assert run.provider.calls.count("submit") == 0
    run.session.set_load(connected=(), slots=0)
    run.provider.finish(JobId("old-1"), 0)
    run.session.wait_until(lambda session: "0" in session.ended)
    run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
    assert next(iter(run.provider.submitted.values())).block_id == "1"


class TestLeaving:
    def test_jobs_go_on_and_nobody_looks_after_them(self, run: Run) -> None:
        run.add(init=2, high=2)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 2)
        assert run.poller.leave("stub", PATIENCE_S)
        calls = list(run.provider.calls)
        run.session.set_load(outstanding=99)
        run.close()
        assert run.provider.calls == [*calls, "close"]
        assert run.provider.cancelled == []
        assert run.records.of("warning") == []

    def test_what_is_under_way_is_waited_for_so_that_every_job_is_known(self, run: Run) -> None:
        gate = run.gate()
        run.provider.script("submit", gate)
        run.add(init=3, high=3)
        run.provider.wait_until(lambda provider: provider.calls == ["submit"])
        assert not run.poller.leave("stub", 0.05)
        gate.set()
        assert run.poller.leave("stub", PATIENCE_S)
        assert [block["job"] for block in run.records.of("block") if block["job"]] == ["stub-1"]
        assert set(run.session.ended) == {"1", "2"}
        run.close()
        assert run.provider.cancelled == []

    def test_the_others_are_looked_after_as_before(self, run: Run) -> None:
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        other = StubProviderSession()
        run.poller.add(StubElasticSession("other"), other, BlockLimits(1, 0, 1), htex_auto_scale, description=Fast())
        other.wait_until(lambda provider: len(provider.submitted) == 1)
        run.poller.leave("stub", PATIENCE_S)
        run.close()
        assert (run.provider.cancelled, other.cancelled) == ([], ["stub-1"])


def test_a_block_that_its_executor_refuses_as_both_close_is_no_news(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, gate = threading.Event(), threading.Event()

    def refuse(_block: BlockId) -> None:
        asked.set()
        gate.wait(PATIENCE_S)
        raise BadStateException(run.session, "the executor was shut down")

    monkeypatch.setattr(run.session, "block_request", refuse)
    run.session.set_load(outstanding=1)
    run.add()
    assert asked.wait(PATIENCE_S)
    begin_close = run.poller._begin_close
    monkeypatch.setattr(run.poller, "_begin_close", lambda deadline: (begin_close(deadline), gate.set()))
    run.poller.close(time.monotonic() + PATIENCE_S)
    assert gate.is_set()
    assert "was refused" not in caplog.text
