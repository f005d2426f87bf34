"""The jobs thread with a batch system that does what the test says."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobState
from parsl_like.core.limits import BlockLimits, Decision
from parsl_like.core.ports import ElasticSession, ProviderSession
from parsl_like.errors import BadStateException, ConfigurationError, SubmitException
from parsl_like.jobs import pace as pace_module
from parsl_like.jobs import supply as supply_module
from parsl_like.jobs.error_handlers import simple_error_handler
from parsl_like.jobs.policy import htex_auto_scale, simple
from parsl_like.jobs.poller import THREAD_NAME
from parsl_like.testing.stub_elastic import StubElasticSession
from parsl_like.testing.stub_provider import StubProvider, StubProviderSession
from tests.jobs.poller_run import PATIENCE_S, Fast, Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_stubs_are_what_they_stand_for() -> None:
    assert isinstance(StubElasticSession(), ElasticSession)
    assert isinstance(StubProviderSession(), ProviderSession)


def test_the_first_blocks_are_asked_for_at_once_not_at_a_ticks_time(run: Run) -> None:
    run.poller = run.new_poller(period=3600.0)
    run.add(init=3, high=3)
    run.provider.wait_until(lambda provider: len(provider.submitted) == 3)
    assert [request.block_id for request in run.provider.submitted.values()] == ["0", "1", "2"]
    assert [thread.name for thread in threading.enumerate()].count(THREAD_NAME) == 1


def test_too_much_to_do_brings_a_decision_at_once(run: Run) -> None:
    run.poller = run.new_poller(period=3600.0)
    Fast.status_polling_interval = 3600.0
    try:
        run.add(init=1, high=4)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.session.set_load(outstanding=4)  # says so to whoever wants to know
        run.provider.wait_until(lambda provider: len(provider.submitted) == 4)
    finally:
        Fast.status_polling_interval = 0.1


def test_the_whole_life_of_a_block_is_in_the_records(run: Run) -> None:
    run.session.set_load(outstanding=1)
    run.add()
    run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
    job = run.provider.job_of("0")
    run.session.set_load(connected=(BlockId("0"),), slots=1)
    run.records.wait_until(lambda records: any("connected" in block for block in records.of("block")))
    run.provider.finish(job, 0)
    run.session.wait_until(lambda session: "0" in session.ended)
    blocks = [record for record in run.records.taken if record.kind == "block" and record.subject == "0"]
    states = [record.fields["state"] for record in blocks]
    assert (states[0], states[-1]) == ("PENDING", "COMPLETED")
    assert set(states) == {"PENDING", "RUNNING", "COMPLETED"}
    assert all(record.fields["executor"] == "stub" and record.time > 1e9 for record in blocks)
    assert run.records.of("decision")[0]["reason"] == "the run starts"
    assert run.session.ended["0"] == f"its job {job} is COMPLETED: job {job} ended with exit code 0"


def test_a_lost_block_is_replaced_and_the_status_tells(run: Run) -> None:
    run.session.set_load(outstanding=1)
    run.add()
    run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
    run.session.set_load(connected=(BlockId("0"),), slots=1)
    run.records.wait_until(lambda records: any("connected" in block for block in records.of("block")))
    assert run.live() == {"0": {"job": "stub-1", "state": "RUNNING", "connected": True}}
    run.session.set_load(connected=(), slots=0)
    run.provider.finish(run.provider.job_of("0"), 137)
    run.provider.wait_until(lambda provider: len(provider.submitted) == 2)
    run.session.set_load(connected=(BlockId("1"),), slots=1)
    run.records.wait_until(lambda records: sum("connected" in block for block in records.of("block")) == 2)
    assert list(run.live()) == ["1"]
    assert run.poller.status()["stub"]["limits"] == (0, 1)
    assert run.session.failures == []


def test_an_idle_block_is_drained_then_its_job_cancelled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.jobs.patience.DRAIN_GRACE_S", 0.0)
    run.poller = run.new_poller(max_idle=0.0)
    idle = (BlockId("0"),)
    run.session.set_load(outstanding=1)
    run.add(policy=htex_auto_scale)
    run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
    run.session.set_load(outstanding=0, connected=idle, idle_blocks=idle, slots=1)
    run.session.wait_until(lambda session: session.drained == ["0"])
    run.session.set_load(connected=(), idle_blocks=(), slots=0)
    run.session.wait_until(lambda session: "0" in session.ended)
    assert "SCALED_IN" in run.session.ended["0"]
    assert run.provider.cancelled == ["stub-1"]


class TestTrouble:
    def test_a_submission_that_fails_twice_recovers(self, run: Run) -> None:
        refusal = SubmitException("job", "slurm is tired", transient=True)
        run.provider.script("submit", refusal, KeyError("user code"))
        run.session.set_load(outstanding=1)
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        assert next(iter(run.provider.submitted.values())).block_id == "2"
        assert run.session.failures == []
        assert set(run.session.ended) == {"0", "1"}
        assert "SubmitException: Cannot submit job job: slurm is tired" in run.session.ended["0"]

    @pytest.mark.parametrize(
        ("error", "tries"),
        [
            (SubmitException("job", "busy", transient=True), 6),
            (SubmitException("job", "no such partition"), 3),
            (ValueError("user code"), 6),
        ],
    )
    def test_a_submission_that_always_fails_fails_the_executor(self, error: Exception, tries: int, run: Run) -> None:
        run.provider.script("submit", *[error] * 100)
        run.session.set_load(outstanding=1)
        run.add()
        run.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        failure = run.session.failures[0]
        assert isinstance(failure, BadStateException)
        assert f"{tries} submissions in a row were refused" in str(failure)
        assert str(error) in str(failure)
        run.close()
        assert len(run.session.failures) == 1
        assert run.provider.calls.count("submit") == tries

    def test_blocks_that_die_at_once_fail_the_executor_with_what_they_wrote(self, run: Run) -> None:
        run.session.set_load(outstanding=1)
        run.add()
        for number in range(3):
            run.provider.wait_until(lambda provider, number=number: len(provider.submitted) == number + 1)
            run.provider.finish(run.provider.job_of(str(number)), 127, "bash: activate: command not found\n")
        run.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        text = str(run.session.failures[0])
        assert "3 blocks in a row ended before a manager had connected" in text
        assert "likely cause: a command or file is not there where the block runs" in text
        assert "exit code 127" in text
        assert "it wrote:\n    bash: activate: command not found" in text
        assert "stub-3.err" in text
        assert [warning["text"] for warning in run.records.of("warning")] == [text]
        assert run.poller.status()["stub"]["failed"]

    def test_an_output_that_cannot_be_had_is_done_without(self, run: Run) -> None:
        run.provider.script("output", *[OSError("no file system")] * 9)
        run.add(init=3, high=3)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 3)
        for number in range(3):
            run.provider.finish(run.provider.job_of(str(number)), 1)
        run.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        assert "stderr: not known" in str(run.session.failures[0])

    def test_a_status_that_raises_is_told_and_asked_for_again(self, run: Run) -> None:
        run.provider.script("status", *[RuntimeError("squeue: garbage")] * 3)
        run.session.set_load(outstanding=1)
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.provider.finish(run.provider.job_of("0"), 0)
        run.session.wait_until(lambda session: "0" in session.ended)
        assert [warning["text"] for warning in run.records.of("warning")] == [
            "the state of 1 jobs is not known: RuntimeError: squeue: garbage"
        ]

    def test_a_status_that_is_no_answer_is_told_and_asked_for_again(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = run.provider.status
        answers: list[Any] = [None, 7]
        monkeypatch.setattr(run.provider, "status", lambda jobs: answers.pop() if answers else asked(jobs))
        run.session.set_load(outstanding=1)
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.provider.finish(run.provider.job_of("0"), 0)
        run.session.wait_until(lambda session: "0" in session.ended)
        assert any("looking after blocks failed" in warning["text"] for warning in run.records.of("warning"))

    def test_a_call_that_hangs_stops_nothing(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("parsl_like.jobs.options.LONGEST_CALL_S", 0.2)
        monkeypatch.setattr(Fast, "cmd_timeout", -2.0)
        run.provider.script("status", run.gate())
        run.session.set_load(outstanding=1)
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.provider.finish(run.provider.job_of("0"), 0)
        run.session.wait_until(lambda session: "0" in session.ended)
        assert any("status has not come back" in warning["text"] for warning in run.records.of("warning"))

    def test_a_submission_that_hangs_is_a_refusal_and_its_late_job_is_cancelled(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("parsl_like.jobs.options.LONGEST_CALL_S", 0.2)
        monkeypatch.setattr(Fast, "cmd_timeout", -2.0)
        gate = run.gate()
        run.provider.script("submit", gate)
        run.session.set_load(outstanding=1)
        run.add()
        run.session.wait_until(lambda session: "0" in session.ended)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        gate.set()
        run.provider.wait_until(lambda provider: provider.cancelled == ["stub-2"])
        assert any("came to be after the block had been given up" in w["text"] for w in run.records.of("warning"))

    def test_a_policy_that_raises_is_told_and_asked_again(self, run: Run) -> None:
        answers: list[Any] = [KeyError("plugin"), Decision(scale_out=1, reason="now")]

        def policy(*args: Any, **kwargs: Any) -> Decision:
            answer = answers.pop(0) if answers else Decision(reason="enough")
            if isinstance(answer, Exception):
                raise answer
            return answer

        run.add(init=0, policy=policy)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        assert any("KeyError: 'plugin'" in warning["text"] for warning in run.records.of("warning"))

    def test_a_policy_that_always_raises_leaves_no_task_waiting(self, run: Run) -> None:
        def policy(*args: Any, **kwargs: Any) -> Decision:
            raise KeyError("bug of the user")

        run.session.set_load(outstanding=5)
        run.add(init=0, high=2, policy=policy)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 2)
        run.close()
        (warning,) = run.records.of("warning")
        assert (
            "blocks are scaled by strategy='simple' as long as it does: KeyError: 'bug of the user'" in warning["text"]
        )

    def test_an_executor_that_raises_keeps_nobody_from_its_blocks(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(block: BlockId, reason: str) -> None:
            raise RuntimeError("plugin")

        monkeypatch.setattr(run.session, "block_ended", broken)
        run.session.set_load(outstanding=1)
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.provider.finish(run.provider.job_of("0"), 0)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 2)
        assert any("block_ended raised: RuntimeError: plugin" in w["text"] for w in run.records.of("warning"))

    def test_an_end_that_cannot_be_asked_for_is_told(self, run: Run) -> None:
        run.provider.script("cancel", OSError("scancel: down"))
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.poller.scale_in("stub", [BlockId("0")])
        run.records.wait_until(lambda records: "scancel: down" in str(records.of("warning")))

    def test_an_end_that_is_refused_is_told(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        with monkeypatch.context() as patch:
            patch.setattr(run.provider, "cancel", lambda jobs: dict.fromkeys(jobs, False))
            run.poller.scale_in("stub", [BlockId("0")])
            run.records.wait_until(lambda records: "would not end stub-1" in str(records.of("warning")))

    def test_a_broken_thread_fails_every_executor_and_asks_for_the_end_of_jobs(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.records.wait_until(lambda records: any(block["state"] == "RUNNING" for block in records.of("block")))
        monkeypatch.setattr(run.poller, "_pass_nudge_on", lambda: 1 / 0)
        with caplog.at_level(logging.ERROR):
            run.poller.nudge()
            run.session.wait_until(lambda session: bool(session.failures))
            run.provider.wait_until(lambda provider: provider.cancelled == ["stub-1"])
        assert "division by zero" in str(run.session.failures[0])
        assert "the jobs thread ends" in caplog.text

    def test_even_of_those_that_cannot_be_told(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        run.add()
        run.records.wait_until(lambda records: any(block["state"] == "RUNNING" for block in records.of("block")))
        monkeypatch.setattr(run.poller, "_pass_nudge_on", lambda: 1 / 0)
        monkeypatch.setattr(run.session, "fail", lambda error: 1 / 0)
        with caplog.at_level(logging.ERROR):
            run.poller.nudge()
            run.provider.wait_until(lambda provider: provider.cancelled == ["stub-1"])
            run.poller.close(time.monotonic() + PATIENCE_S)  # waits for the thread, and so for its last words
        assert "executor stub could not be told that the jobs thread has ended" in caplog.text


class TestHandlers:
    def test_a_handler_of_the_users_own_decides(self, run: Run) -> None:
        seen: list[dict[str, Any]] = []

        def handler(executor: Any, status: dict[str, Any]) -> None:
            seen.append(status)
            assert executor.label == "stub"
            simple_error_handler(executor, status, threshold=2)

        run.add(init=2, high=2, error_handler=handler)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 2)
        for number in range(2):
            run.provider.finish(run.provider.job_of(str(number)), 3, "reason")
        run.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        assert "2 blocks have failed, none has not" in str(run.session.failures[0])
        assert "it wrote:\nreason" in str(run.session.failures[0])
        assert {block: status.state for block, status in seen[-1].items()} == dict.fromkeys("01", JobState.FAILED)

    def test_one_that_raises_is_told(self, run: Run) -> None:
        def handler(executor: Any, status: dict[str, Any]) -> None:
            raise ZeroDivisionError

        run.add(error_handler=handler)
        run.records.wait_until(lambda records: "handler raised: ZeroDivisionError" in str(records.of("warning")))
        run.close()
        assert run.session.failures == []

    def test_without_one_nobody_is_failed(self, run: Run) -> None:
        run.session.set_load(outstanding=1)
        run.add(error_handler=False)
        for number in range(5):
            run.provider.wait_until(lambda provider, number=number: len(provider.submitted) == number + 1)
            run.provider.finish(run.provider.job_of(str(number)), 1)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 6)
        assert run.session.failures == []


def test_the_status_tells_of_a_manager_that_has_gone(run: Run) -> None:
    def wait_until(connected: bool) -> None:
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while run.live()["0"]["connected"] is not connected:
            assert time.monotonic() < deadline, run.poller.status()
            pause.wait(0.01)

    run.session.set_load(outstanding=1)
    run.add()
    run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
    run.records.wait_until(lambda records: len(records.of("block")) >= 2)
    run.session.set_load(connected=(BlockId("0"),), slots=1)
    wait_until(True)
    run.session.set_load(connected=(), slots=0)  # nothing is to be done about it yet
    wait_until(False)


class Announcing(StubProviderSession):
    """Says itself when a job has ended; asked for nothing else, it would be asked once in an hour."""

    tell: Callable[[], None] | None = None
    works = True

    def when_changed(self, tell: Callable[[], None]) -> bool:
        self.tell = tell
        return self.works

    def announce(self) -> None:
        assert self.tell is not None
        self.tell()


class TestAnnouncements:
    @pytest.fixture
    def provider(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Announcing:
        """Of an executor all whose blocks have connected."""
        run.provider = provider = Announcing(str(tmp_path))
        monkeypatch.setattr(pace_module, "LONGEST_CALM_S", 3600.0)
        return provider

    def calm(self, run: Run) -> None:
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.session.set_load(connected=(BlockId("0"),), slots=1)
        run.records.wait_until(lambda records: any("connected" in block for block in records.of("block")))

    def test_an_end_is_heard_of_without_asking_all_the_time(self, run: Run, provider: Announcing) -> None:
        self.calm(run)
        supply, deadline, pause = run.poller._supplies["stub"], time.monotonic() + PATIENCE_S, threading.Event()
        while supply._asking or (supply._pace.at or 0.0) < time.monotonic() + 1800:
            assert time.monotonic() < deadline, "it is still asked all the time"
            pause.wait(0.01)
        provider.finish(provider.job_of("0"), 0)
        provider.announce()
        run.session.wait_until(lambda session: "0" in session.ended)

    def test_one_that_comes_while_an_answer_is_on_its_way_is_not_lost(self, run: Run, provider: Announcing) -> None:
        gate = run.gate()
        self.calm(run)
        provider.script("status", gate)
        before = provider.calls.count("status")
        provider.announce()
        provider.wait_until(lambda provider: provider.calls.count("status") == before + 1)
        provider.announce()
        gate.set()
        provider.wait_until(lambda provider: provider.calls.count("status") == before + 2)

    @pytest.mark.parametrize("works", [False, None])
    def test_one_that_cannot_is_asked_as_others_are(
        self, run: Run, provider: Announcing, monkeypatch: pytest.MonkeyPatch, works: bool | None
    ) -> None:
        provider.works = False
        if works is None:
            monkeypatch.setattr(Announcing, "when_changed", lambda self, tell: 1 / 0)
        self.calm(run)
        provider.finish(provider.job_of("0"), 0)
        run.session.wait_until(lambda session: "0" in session.ended)
        assert ("cannot announce changes: ZeroDivisionError" in str(run.records.of("warning"))) is (works is None)


class TestByHand:
    def test_scale_out_and_in(self, run: Run) -> None:
        run.session.set_load(outstanding=1)
        run.add()
        run.poller.scale_out("stub", 2)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 3)
        run.records.wait_until(
            lambda records: sum(b["job"] is not None and b["state"] == "PENDING" for b in records.of("block")) == 3
        )
        run.poller.scale_in("stub", [BlockId("1"), BlockId("2")])
        run.session.wait_until(lambda session: set(session.ended) == {"1", "2"})
        assert run.provider.cancelled == ["stub-2", "stub-3"]

    def test_a_label_nobody_has(self, run: Run) -> None:
        with pytest.raises(KeyError):
            run.poller.scale_out("nobody", 1)


class TestClosing:
    def test_jobs_are_ended_and_the_provider_closed(self, run: Run) -> None:
        run.add(init=3, high=3)
        run.provider.wait_until(lambda provider: len(provider.submitted) == 3)
        run.close()
        assert set(run.provider.cancelled) == {"stub-1", "stub-2", "stub-3"}
        assert run.provider.closed
        assert set(run.session.ended) == {"0", "1", "2"}
        calls = list(run.provider.calls)
        run.close()
        assert run.provider.calls == calls
        assert run.records.of("warning") == []

    def test_before_anything_was_added(self, run: Run) -> None:
        run.close()
        with pytest.raises(ConfigurationError, match="was added to a run that ends"):
            run.add()

    def test_started_but_never_used(self, run: Run) -> None:
        run.poller.start()
        run.poller.start()
        run.close()
        run.poller.start()

    def test_what_has_not_been_submitted_yet_never_is(self, run: Run) -> None:
        gate = run.gate()
        run.provider.script("submit", gate)
        run.add(init=5, high=5)
        run.provider.wait_until(lambda provider: provider.calls == ["submit"])
        closing = threading.Thread(target=run.close)
        closing.start()
        run.session.wait_until(lambda session: len(session.ended) == 4)
        gate.set()
        closing.join()
        assert run.provider.calls.count("submit") == 1
        assert run.provider.cancelled == ["stub-1"]
        assert set(run.session.ended) == set("01234")

    def test_a_stubborn_job_is_asked_again_and_in_the_end_named(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.provider.ignore_cancel(["stub-1"])
        run.close(0.5)
        assert run.provider.cancelled == ["stub-1", "stub-1"]
        assert run.provider.closed
        assert [warning["text"] for warning in run.records.of("warning")] == [
            "1 jobs could not be ended in time and may still run: stub-1"
        ]

    def test_a_cancel_that_hangs_does_not_hold_it_up(self, run: Run) -> None:
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.provider.script("cancel", run.gate())
        run.close(0.3)
        assert "may still run: stub-1" in str(run.records.of("warning"))
        assert run.provider.closed

    def test_a_question_that_hangs_does_not_keep_jobs_from_being_ended(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(supply_module, "CLOSING_CALL_S", 0.2)
        run.add()
        run.provider.script("status", run.gate())
        run.provider.wait_until(lambda provider: "status" in provider.calls)
        run.close()
        assert run.provider.cancelled == ["stub-1"]
        assert "0" in run.session.ended
        assert "the provider's status has not come back" in str(run.records.of("warning"))

    def test_jobs_that_nobody_can_tell_of_are_asked_to_end_twice_and_named(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(supply_module, "KILL_AFTER_S", 0.2)
        run.add()
        run.provider.script("status", *[OSError("down")] * 10_000)
        run.provider.wait_until(lambda provider: "status" in provider.calls)
        run.close(10 * PATIENCE_S)
        assert run.provider.cancelled == ["stub-1", "stub-1"]
        assert "may still run: stub-1" in str(run.records.of("warning"))
        assert run.provider.closed

    def test_a_cancel_that_hangs_is_not_followed_by_another(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supply_module, "KILL_AFTER_S", 0.1)
        monkeypatch.setattr(supply_module, "CLOSING_CALL_S", 0.3)
        run.add()
        run.provider.wait_until(lambda provider: len(provider.submitted) == 1)
        run.provider.script("cancel", run.gate())
        run.close(3)
        assert run.provider.calls.count("cancel") == 1

    def test_a_submission_that_hangs_does_not_either_and_its_job_is_cancelled(self, run: Run) -> None:
        gate = run.gate()
        run.provider.script("submit", gate)
        run.add()
        run.provider.wait_until(lambda provider: provider.calls == ["submit"])
        run.close(0.2)
        assert run.provider.cancelled == []
        gate.set()
        run.provider.wait_until(lambda provider: provider.cancelled == ["stub-1"])

    def test_one_that_takes_long_is_waited_for_so_that_its_job_can_be_ended(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(supply_module, "CLOSING_CALL_S", 0.2)
        gate = run.gate()
        run.provider.script("submit", gate)
        run.add()
        run.provider.wait_until(lambda provider: provider.calls == ["submit"])
        closing = threading.Thread(target=run.close)
        closing.start()
        run.session.wait_until(lambda session: "0" in session.ended)  # it was given up: others may call the provider
        closing.join(0.3)
        assert closing.is_alive()
        gate.set()
        closing.join()
        assert run.provider.cancelled == ["stub-1"]
        assert run.provider.calls == ["submit", "cancel", "close"]
        assert "have not come back" not in str(run.records.of("warning"))

    def test_one_that_does_not_come_back_in_time_is_named(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supply_module, "CLOSING_CALL_S", 0.1)
        run.provider.script("submit", run.gate())
        run.add()
        run.provider.wait_until(lambda provider: provider.calls == ["submit"])
        run.close(0.4)
        assert run.provider.closed
        assert [warning["text"] for warning in run.records.of("warning")] == [
            "1 submissions have not come back, and a job may yet come of each; look in the queue for those of blocks 0"
        ]

    def test_a_late_jobs_end_is_asked_for_again_if_that_fails(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supply_module, "CLOSING_CALL_S", 0.2)
        monkeypatch.setattr(supply_module, "CLOSING_POLL_S", (0.01, 0.05))
        gate = run.gate()
        run.provider.script("submit", gate)
        run.provider.script("cancel", OSError("scancel: down"), OSError("scancel: down"))
        run.add()
        run.provider.wait_until(lambda provider: provider.calls == ["submit"])
        closing = threading.Thread(target=run.close)
        closing.start()
        run.session.wait_until(lambda session: "0" in session.ended)
        gate.set()
        closing.join()
        assert run.provider.cancelled == ["stub-1"]
        assert run.provider.calls.count("cancel") == 3
        assert "may still run" not in str(run.records.of("warning"))

    def test_one_whose_end_nobody_takes_in_is_named(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supply_module, "CLOSING_CALL_S", 0.2)
        monkeypatch.setattr(supply_module, "KILL_AFTER_S", 0.1)
        monkeypatch.setattr(run.provider, "cancel", lambda jobs: dict.fromkeys(jobs, False))
        gate = run.gate()
        run.provider.script("submit", gate)
        run.add()
        run.provider.wait_until(lambda provider: provider.calls == ["submit"])
        closing = threading.Thread(target=run.close)
        closing.start()
        run.session.wait_until(lambda session: "0" in session.ended)
        gate.set()
        closing.join()
        texts = [warning["text"] for warning in run.records.of("warning")]
        assert "1 jobs could not be ended in time and may still run: stub-1" in texts


def test_two_executors_do_not_know_of_each_other(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, provider = StubElasticSession("other"), StubProviderSession(str(tmp_path))
    run.provider.script("submit", run.gate())  # hangs
    run.add()
    run.poller.add(other, provider, BlockLimits(1, 0, 1), simple, description=Fast())
    provider.wait_until(lambda provider: len(provider.submitted) == 1)
    provider.finish(provider.job_of("0"), 0)
    other.wait_until(lambda session: "0" in session.ended)
    assert set(run.poller.status()) == {"stub", "other"}
    with pytest.raises(ConfigurationError, match="label is 'other'"):
        run.poller.add(other, provider, BlockLimits(1, 0, 1), simple)
    for gate in run.gates:
        gate.set()


def test_the_stub_provider_can_be_described(tmp_path: Path) -> None:
    from parsl_like.providers.base import one_shot_context

    provider = StubProvider(init_blocks=2)
    session = provider.sealed().open(one_shot_context(str(tmp_path)))
    assert provider.live_session() is session
