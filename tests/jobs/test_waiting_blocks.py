"""Blocks that wait in the queue: some can never start, some have waited for long enough."""

from __future__ import annotations

import itertools

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.jobs.breaker import LONGEST_HOPELESS_WAIT_S
from parsl_like.jobs.effects import Cancel, Condemn, Ended, Submit
from parsl_like.jobs.patience import HOPELESS_FOR_S
from parsl_like.jobs.policy import htex_auto_scale
from tests.jobs.driver import PENDING, RUNNING, Driver

DOWN = JobReport(JobState.PENDING, "PartitionDown", hopeless="partition batch is down")
HELD = JobReport(JobState.HELD, "JobHeldUser", hopeless="it is held by its user (JobHeldUser)")
CANCELLED = JobReport(JobState.CANCELLED)


class TestHopeless:
    def waiting(self, report: JobReport = DOWN) -> Driver:
        driver = Driver(high=1)
        driver.start()
        driver.submitted("0")
        driver.decide(outstanding=3)
        driver.wait(1).answered(job0=report)
        assert driver.decide() == []
        return driver

    def test_it_is_told_at_once_and_only_once(self) -> None:
        driver = self.waiting()
        driver.wait(5).answered(job0=DOWN)
        driver.decide()
        assert [note.fields["text"] for note in driver.notes("warning")] == [
            "block 0 (job job0) waits, and cannot start as it is: partition batch is down"
        ]

    def test_what_is_said_for_long_enough_ends_the_job_and_the_executor(self) -> None:
        driver = self.waiting()
        driver.wait(HOPELESS_FOR_S - 1).answered(job0=DOWN)
        assert driver.decide() == []
        driver.wait(1).answered(job0=DOWN)
        cancel, verdict = driver.decide()
        assert cancel == Cancel((JobId("job0"),))
        assert isinstance(verdict, Condemn)
        assert verdict.reason == "block 0 (job job0) waits, and can never start as it is: partition batch is down"
        assert verdict.row is not None
        assert verdict.row.block == "0"
        assert driver.now < 60
        (told,) = driver.answered(job0=CANCELLED)
        assert told == Ended(BlockId("0"), f"its job job0 is FAILED: {verdict.reason}")
        assert driver.decide() == []

    def test_time_alone_says_nothing(self) -> None:
        driver = self.waiting()
        assert driver.wait(1000).decide() == []
        driver.unanswered()
        assert driver.decide() == []

    def test_an_answer_that_says_nothing_does_not_agree(self) -> None:
        driver = self.waiting()
        silence = JobReport(JobState.UNKNOWN, "the batch system did not answer")
        driver.wait(HOPELESS_FOR_S + 1).answered(job0=silence)
        assert driver.decide() == []
        driver.wait(1).answered(job0=PENDING)
        assert driver.decide() == []
        assert not driver.controller.condemned

    def test_one_answer_in_between_that_only_waits_begins_anew(self) -> None:
        driver = self.waiting()
        driver.wait(20).answered(job0=PENDING)
        driver.wait(20).answered(job0=DOWN)
        assert driver.decide() == []
        driver.wait(HOPELESS_FOR_S).answered(job0=DOWN)
        assert Cancel((JobId("job0"),)) in driver.decide()

    def test_a_job_that_starts_after_all_is_none(self) -> None:
        driver = self.waiting()
        driver.wait(30).answered(job0=RUNNING)
        assert driver.decide() == []
        assert driver.controller.ledger[BlockId("0")].hopeless is None

    def test_one_that_connects_is_none_whatever_older_answers_say(self) -> None:
        driver = self.waiting()
        driver.wait(10).decide(connected=(BlockId("0"),))
        driver.wait(30).answered(job0=DOWN)
        assert driver.decide() == []
        assert not driver.controller.condemned

    def test_held_is_shown_as_held_with_its_reason(self) -> None:
        driver = self.waiting(HELD)
        row = driver.controller.ledger[BlockId("0")]
        assert (row.state, row.message) == (JobState.HELD, "it is held by its user (JobHeldUser)")
        assert driver.notes("block")[-1].fields == {
            "executor": "htex",
            "job": "job0",
            "state": "HELD",
            "reason": "it is held by its user (JobHeldUser)",
        }
        driver.wait(HOPELESS_FOR_S).answered(job0=HELD)
        assert any(isinstance(effect, Condemn) for effect in driver.decide())

    def test_a_requeued_job_that_is_held_is_one(self) -> None:
        driver = Driver(high=1)
        driver.start()
        driver.running("0").wait(100).decide(outstanding=3, connected=())
        driver.answered(job0=HELD)
        driver.wait(HOPELESS_FOR_S).answered(job0=HELD)
        assert driver.decide() == [Cancel((JobId("job0"),))]

    def test_where_others_have_worked_the_next_one_has_one_answer_to_show_better(self) -> None:
        driver = Driver(high=1)
        driver.start()
        driver.running("0").wait(100).decide(outstanding=3)
        driver.answered(job0=JobReport(JobState.TIMEOUT, "walltime"))
        assert driver.decide(connected=()) == [Submit(BlockId("1"))]
        began = driver.now
        driver.submitted("1")
        driver.wait(1).answered(job1=DOWN)
        driver.wait(HOPELESS_FOR_S).answered(job1=DOWN)
        assert driver.decide() == [Cancel((JobId("job1"),))]
        driver.wait(1).answered(job1=CANCELLED)
        assert driver.decide() == [Submit(BlockId("2"))]
        driver.submitted("2")
        driver.wait(1).answered(job2=DOWN)
        cancel, verdict = driver.decide()
        assert cancel == Cancel((JobId("job2"),))
        assert isinstance(verdict, Condemn)
        assert "block 2 (job job2) waits, and can never start" in verdict.reason
        assert driver.now - began < 30

    def test_one_that_has_waited_for_long_before_is_no_new_one(self) -> None:
        driver = Driver(init=2, high=2)
        driver.start()
        driver.submitted("0", "1")
        driver.decide(outstanding=9)
        for _ in range(3):
            driver.answered(job0=DOWN, job1=PENDING)
            driver.wait(30)
        assert driver.decide() == [Cancel((JobId("job0"),))]
        driver.answered(job0=CANCELLED, job1=DOWN)
        assert Cancel((JobId("job1"),)) not in driver.decide()
        driver.wait(HOPELESS_FOR_S).answered(job1=DOWN)
        assert Cancel((JobId("job1"),)) in driver.decide()

    def test_several_at_once_are_one_piece_of_trouble(self) -> None:
        driver = Driver(init=3, high=3)
        driver.start()
        driver.submitted("0", "1", "2")
        jobs = {f"job{number}": DOWN for number in range(3)}
        driver.wait(1).answered(**jobs)
        driver.wait(HOPELESS_FOR_S).answered(**jobs)
        effects = driver.decide(outstanding=9)
        assert [effect for effect in effects if isinstance(effect, Cancel)] == [
            Cancel((JobId(f"job{number}"),)) for number in range(3)
        ]
        assert isinstance(effects[-1], Condemn)
        assert driver.controller.breaker.hopeless == 1

    def test_one_that_only_waits_may_still_start(self) -> None:
        driver = Driver(init=2, high=2)
        driver.start()
        driver.submitted("0", "1")
        driver.wait(1).answered(job0=DOWN, job1=PENDING)
        driver.wait(HOPELESS_FOR_S).answered(job0=DOWN, job1=PENDING)
        assert driver.decide(outstanding=9) == [Cancel((JobId("job0"),))]
        assert not driver.controller.condemned


def replaced_for(driver: Driver, first: int, seconds: float) -> list[float]:
    """When replacements of a hopeless block are asked for while another works, in so many seconds."""
    asked, number, until = [], first, driver.now + seconds
    while driver.now < until:
        job = f"job{number}"
        if any(row.job == job for row in driver.controller.ledger.live()):
            driver.answered(job0=RUNNING, **{job: DOWN})
        for effect in driver.decide():
            if isinstance(effect, Cancel):
                driver.answered(job0=RUNNING, **{job: CANCELLED})
            else:
                assert isinstance(effect, Submit)
                asked.append(driver.now)
                number = int(effect.block)
                driver.submitted(effect.block)
        driver.wait(1)
    return asked


def test_while_another_block_works_it_is_replaced_ever_more_seldom() -> None:
    driver = Driver(init=2, high=2)
    driver.start()
    driver.running("0").submitted("1")
    driver.decide(outstanding=99)
    asked = replaced_for(driver, 1, 7200.0)
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert not driver.controller.condemned
    assert len(asked) <= 18
    assert pauses[-1] == pytest.approx(LONGEST_HOPELESS_WAIT_S, abs=3)
    assert sorted(pauses) == pauses


def test_when_the_working_block_has_gone_nobody_waits_for_a_quarter_of_an_hour() -> None:
    driver = Driver(init=2, high=2)
    driver.start()
    driver.running("0").submitted("1")
    driver.decide(outstanding=99)
    asked = replaced_for(driver, 1, 5000.0)
    driver.answered(job0=JobReport(JobState.TIMEOUT))
    began = driver.now
    while not driver.controller.condemned:
        for effect in driver.decide(connected=()):
            if isinstance(effect, Submit):
                driver.submitted(effect.block)
                driver.answered(**{f"job{effect.block}": DOWN})
        driver.wait(1)
    assert driver.now - began <= 65
    assert len(asked) > 5


class TestPendingTimeout:
    def waiting(self, high: int = 1) -> Driver:
        driver = Driver(high=high, init=high, pending_timeout=300.0)
        driver.start()
        driver.submitted("0")
        driver.decide(outstanding=3)
        return driver

    def test_the_time_is_one_at_which_an_answer_is_worth_more(self) -> None:
        assert self.waiting().controller.next_look() == 300.0
        driver = Driver()
        driver.start()
        driver.submitted("0")
        assert driver.controller.next_look() is None

    def test_who_waits_for_longer_is_given_up(self) -> None:
        driver = self.waiting()
        driver.wait(299).answered(job0=JobReport(JobState.PENDING, "Priority"))
        assert driver.decide() == []
        driver.wait(1).answered(job0=JobReport(JobState.PENDING, "Priority"))
        cancel, verdict = driver.decide()
        assert cancel == Cancel((JobId("job0"),))
        assert isinstance(verdict, Condemn)
        assert verdict.reason == (
            "block 0 (job job0) has waited in the queue for 300 s, longer than pending_timeout=300 allows: Priority"
        )

    def test_also_where_others_have_worked(self) -> None:
        driver = self.waiting()
        driver.running("0").wait(100).decide()
        driver.answered(job0=JobReport(JobState.COMPLETED))
        driver.decide(connected=())
        driver.submitted("1")
        driver.wait(300).answered(job1=PENDING)
        assert isinstance(driver.decide()[-1], Condemn)

    def test_but_not_while_one_works(self) -> None:
        driver = self.waiting(high=2)
        driver.running("0").submitted("1")
        driver.wait(300).answered(job0=RUNNING, job1=PENDING)
        assert driver.decide() == [Cancel((JobId("job1"),))]
        assert not driver.controller.condemned
        driver.answered(job0=RUNNING, job1=CANCELLED)
        assert driver.decide() == []
        assert driver.wait(1).decide() == [Submit(BlockId("2"))]

    def test_a_batch_system_that_says_nothing_says_nothing_of_the_queue(self) -> None:
        driver = self.waiting()
        driver.answered(job0=PENDING)
        for _ in range(10):
            driver.wait(60).unanswered()
            assert driver.decide() == []
        driver.answered(job0=RUNNING)
        assert driver.decide() == []

    def test_nor_does_one_that_does_not_know(self) -> None:
        driver = self.waiting()
        driver.answered(job0=PENDING)
        driver.wait(400).answered(job0=JobReport(JobState.UNKNOWN, "the batch system did not answer"))
        assert driver.decide() == []
        assert driver.controller.next_look() == 300.0

    def test_the_time_begins_again_with_a_requeue(self) -> None:
        driver = self.waiting()
        driver.wait(200).answered(job0=RUNNING)
        driver.wait(50).answered(job0=PENDING)
        driver.wait(299).answered(job0=PENDING)
        assert driver.decide() == []
        driver.wait(1).answered(job0=PENDING)
        assert Cancel((JobId("job0"),)) in driver.decide()

    def test_without_one_it_takes_as_long_as_it_takes(self) -> None:
        driver = Driver()
        driver.start()
        driver.submitted("0")
        driver.wait(1e6).answered(job0=PENDING)
        assert driver.decide(outstanding=1) == []


def test_a_queue_of_blocks_that_leaves_no_room_is_still_scaled_in() -> None:
    driver = Driver(init=2, high=2, policy=htex_auto_scale, pending_timeout=300.0)
    driver.start()
    driver.submitted("0", "1")
    driver.decide()
    driver.answered(job0=PENDING, job1=PENDING)
    assert driver.wait(120).decide() == [Cancel((JobId("job0"), JobId("job1")))]
    assert driver.controller.next_look() is None
