"""How blocks end, and what that says of those to come."""

from __future__ import annotations

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.jobs.breaker import FRUITLESS_BLOCKS, Breaker
from parsl_like.jobs.effects import Cancel, Condemn, Ended, Submit
from parsl_like.jobs.ledger import UNACCOUNTED_S
from parsl_like.jobs.patience import CANCEL_AGAIN_S
from parsl_like.jobs.policy import htex_auto_scale
from tests.jobs.driver import RUNNING, Driver, ended

A, B = BlockId("0"), BlockId("1")


def working(**more: object) -> Driver:
    """One block that has connected, and more to do than it can."""
    driver = Driver(init=1, high=1, **more)
    driver.start()
    driver.running("0").decide(outstanding=5)
    return driver


class TestWalltime:
    @pytest.mark.parametrize("lived", [11.0, 3600.0])
    def test_its_end_is_no_failure_and_the_next_block_comes_at_once(self, lived: float) -> None:
        driver = working()
        driver.wait(lived).decide()
        driver.answered(job0=JobReport(JobState.TIMEOUT, "its walltime is over"))
        assert driver.decide(connected=()) == [Submit(B)]
        assert driver.controller.breaker == Breaker(_has_worked=True)

    @pytest.mark.parametrize("state", [JobState.TIMEOUT, JobState.COMPLETED])
    def test_a_short_life_that_bore_fruit_is_none_either(self, state: JobState) -> None:
        driver = working()
        driver.wait(1).decide(worked=(A,))
        driver.wait(1).answered(job0=JobReport(state))
        assert driver.decide(connected=()) == [Submit(B)]
        assert not driver.controller.breaker.in_doubt

    def test_one_without_fruit_is_followed_by_a_wait(self) -> None:
        """Else a walltime that leaves no time to work would be submitted again and again."""
        driver = working()
        driver.wait(2).answered(job0=JobReport(JobState.TIMEOUT))
        assert driver.decide(connected=()) == []
        assert driver.wait(1).decide() == [Submit(B)]

    def test_how_long_managers_were_there_counts_not_when_the_job_was_asked_after(self) -> None:
        driver = working()
        driver.wait(2).decide(connected=())
        driver.wait(60).answered(job0=ended(1))
        assert driver.controller.breaker.short_lives == 1

    def test_before_anything_has_connected_it_is_one(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        for number in range(3):
            driver.submitted(str(number))
            effects = driver.wait(1).answered(**{f"job{number}": JobReport(JobState.TIMEOUT)})
            driver.wait(10).decide(outstanding=1)
        assert isinstance(effects[-1], Condemn)


class TestDraining:
    def test_a_block_that_is_about_to_end_is_replaced_meanwhile(self) -> None:
        driver = Driver(init=1, high=2)
        driver.start()
        driver.running("0").wait(50).decide(outstanding=2, slots=2)
        assert driver.wait(1).decide(draining=(A,), slots=0) == [Submit(B)]
        assert driver.notes("decision")[-1].fields["draining"] == ["0"]
        driver.submitted("1")
        assert driver.decide() == []
        driver.wait(5).answered(job0=ended(0), job1=RUNNING)
        assert driver.decide(connected=(B,), draining=(), slots=2) == []
        assert not driver.controller.breaker.in_doubt

    def test_but_not_beyond_the_maximum(self) -> None:
        driver = working()
        assert driver.wait(50).decide(draining=(A,)) == []
        assert driver.controller.last_decision == "blocks that are about to end are still in the way"
        driver.answered(job0=ended(0))
        assert driver.decide(connected=(), draining=()) == [Submit(B)]

    def test_one_that_is_gone_while_its_job_is_not_known_to_be_over_is_said_to_be_so(self) -> None:
        driver = working()
        driver.wait(50).decide(draining=(A,))
        assert driver.wait(6).decide(connected=(), draining=()) == []
        assert driver.controller.last_decision == (
            "blocks whose managers have gone, and whose jobs are not known to be over, are still in the way"
        )

    def test_tasks_that_no_block_will_take_are_on_record(self) -> None:
        driver = Driver(init=1, high=2)
        driver.start()
        driver.running("0").decide(outstanding=2, slots=2, stranded=1)
        assert driver.notes("decision")[-1].fields["stranded"] == 1

    def test_and_not_for_nothing(self) -> None:
        driver = Driver(init=1, high=2)
        driver.start()
        driver.running("0").wait(50).decide()
        assert driver.decide(draining=(A,)) == []

    def test_it_is_not_let_go_for_idleness(self) -> None:
        driver = working(policy=htex_auto_scale)
        driver.decide(outstanding=0, idle_blocks=(A,), draining=(A,))
        assert driver.wait(1000).decide() == []


class TestFruitless:
    def dies(self, driver: Driver, number: int, *, worked: bool = False, outstanding: int = 5) -> list[object]:
        block = BlockId(str(number))
        driver.running(str(number)).decide(outstanding=outstanding, worked=(block,) if worked else ())
        driver.wait(20).decide()
        effects = driver.answered(**{f"job{number}": ended(137, "killed")})
        driver.wait(100).decide(connected=(), worked=())
        return list(effects)

    def test_blocks_that_never_finish_a_task_are_a_reason_to_give_up(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        for number in range(FRUITLESS_BLOCKS):
            assert not driver.controller.condemned
            effects = self.dies(driver, number)
        verdict = effects[1]
        assert isinstance(verdict, Condemn)
        assert verdict.reason.startswith("5 blocks in a row ended without having finished a task; the last: block 4")
        assert verdict.row is not None
        assert verdict.row.exit_code == 137

    def test_one_that_has_begins_the_count_anew(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        for number in range(20):
            self.dies(driver, number, worked=number % 4 == 3)
        assert not driver.controller.condemned

    def test_those_that_had_nothing_to_do_do_not_count(self) -> None:
        driver = Driver(init=1, low=1, high=1)
        driver.start()
        for number in range(20):
            self.dies(driver, number, outstanding=0)
        assert not driver.controller.condemned

    def test_nor_do_those_whose_time_was_over(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        for number in range(20):
            driver.running(str(number)).decide(outstanding=5, worked=())
            driver.wait(60).answered(**{f"job{number}": JobReport(JobState.TIMEOUT)})
            driver.wait(100).decide(connected=())
        assert not driver.controller.condemned

    def test_an_executor_that_does_not_tell_is_not_judged_by_it(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        for number in range(20):
            driver.running(str(number)).decide(outstanding=5)
            driver.wait(60).decide()
            driver.answered(**{f"job{number}": ended(137)})
            driver.wait(100).decide(connected=())
        assert not driver.controller.condemned

    def test_while_another_block_lives_nobody_is_condemned(self) -> None:
        driver = Driver(init=2, high=2)
        driver.start()
        driver.running("0").decide(outstanding=9, worked=())
        for number in range(1, 9):
            driver.running(str(number)).wait(20).decide()
            driver.answered(job0=RUNNING, **{f"job{number}": ended(137)})
            driver.wait(100).decide(connected=(A,))
        assert not driver.controller.condemned


class TestOneAtATimeAfterTrouble:
    def test_until_a_submission_is_taken(self) -> None:
        driver = Driver(init=1, high=8)
        driver.start()
        driver.refused("0")
        driver.decide(outstanding=100)
        assert driver.wait(1).decide() == [Submit(BlockId("1"))]
        assert driver.decide() == []
        assert "has yet to show that the trouble is over: no" in driver.controller.last_decision
        driver.submitted("1")
        assert len(driver.decide()) == 7

    def test_until_a_block_has_connected(self) -> None:
        driver = Driver(init=3, high=8)
        driver.start()
        driver.submitted("0", "1", "2")
        driver.decide(outstanding=100)
        driver.wait(1).answered(job0=ended(1), job1=JobReport(JobState.PENDING), job2=JobReport(JobState.PENDING))
        submitted = [effect for effect in driver.wait(5).decide() if isinstance(effect, Submit)]
        assert len(submitted) == 1
        driver.submitted(submitted[0].block)
        assert driver.wait(60).decide() == []
        driver.decide(connected=(BlockId("2"),))
        assert not driver.controller.breaker.in_doubt

    def test_where_nothing_is_left_all_initial_blocks_are_asked_for_again(self) -> None:
        driver = Driver(init=3, high=8)
        driver.start()
        for block in "012":
            driver.refused(block)
        driver.decide(outstanding=100)
        assert len(driver.wait(1).decide()) == 3


class TestUnaccountedFor:
    def missing(self, high: int = 1, outstanding: int = 5) -> Driver:
        driver = Driver(init=1, high=high)
        driver.start()
        driver.running("0").wait(50).decide(connected=(), outstanding=outstanding)
        for _ in range(3):
            driver.wait(40).answered()
        assert driver.controller.ledger[A].state is JobState.MISSING
        return driver

    def test_a_job_that_nobody_has_seen_end_keeps_its_place(self) -> None:
        driver = self.missing()
        assert driver.decide() == []
        assert driver.controller.last_decision == "jobs that cannot be seen and may still run are still in the way"

    def test_until_the_batch_system_says_that_it_is_over_or_will_be(self) -> None:
        driver = self.missing()
        assert not driver.controller.accepted([JobId("another")])
        assert driver.controller.accepted([JobId("job0")])
        assert driver.decide() == [Submit(B)]

    def test_or_for_some_minutes_and_it_is_told_to_end_again_meanwhile(self) -> None:
        driver = self.missing()
        began, cancels, effects = driver.now, 0, driver.decide()
        while not any(isinstance(effect, Submit) for effect in effects):
            cancels += sum(isinstance(effect, Cancel) for effect in effects)
            due = driver.controller.next_due(driver.now)
            assert due is not None
            effects = driver.wait(due - driver.now).decide()
        assert driver.now - began == UNACCOUNTED_S
        assert cancels == UNACCOUNTED_S / CANCEL_AGAIN_S - 1

    def test_where_there_is_room_another_block_comes_at_once(self) -> None:
        driver = self.missing(high=3, outstanding=0)
        assert len(driver.decide(outstanding=5)) == 2

    def test_its_end_is_told_once(self) -> None:
        driver = self.missing()
        assert sum(isinstance(effect, Ended) for effect in driver.seen) == 1
        driver.controller.accepted([JobId("job0")])
        assert driver.wait(CANCEL_AGAIN_S).decide() == [Submit(B)]


class TestAdopted:
    def test_blocks_of_an_earlier_run_count_as_initial_ones(self) -> None:
        driver = Driver(init=2, high=3)
        driver.take(driver.controller.adopt(BlockId("4"), JobId("job4"), 0.0))
        assert driver.start() == [Submit(BlockId("5"))]
        assert driver.controller.ledger.jobs() == ["job4"]
        driver.answered(job4=RUNNING)
        driver.decide(connected=(BlockId("4"),))
        assert driver.answered(job4=ended(0)) == [Ended(BlockId("4"), "its job job4 is COMPLETED: script.sh ended")]

    def test_there_may_be_more_than_initial_ones(self) -> None:
        driver = Driver(init=1, high=3)
        for block in ("0", "1", "old-2"):
            driver.take(driver.controller.adopt(BlockId(block), JobId(f"job{block}"), 0.0))
        assert driver.start() == []
        assert driver.take(driver.controller.scale_out(1, 0.0)) == [Submit(BlockId("2"))]


class TestAbandoned:
    """A job runs for ever as far as its batch system knows, and none of its managers is there any more."""

    def test_it_is_ended_and_replaced(self) -> None:
        driver = Driver(high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        driver.wait(10).decide(connected=())
        assert driver.wait(59).decide() == []
        assert driver.wait(1).decide() == [Cancel((JobId("job0"),))]
        (warning,) = driver.notes("warning")
        assert "job0) runs, but all its managers have been gone for 60 s; it is cancelled" in warning.fields["text"]
        driver.answered(job0=ended(143))
        assert driver.decide() == [Submit(BlockId("1"))]
        assert not driver.controller.breaker.in_doubt

    def test_it_is_known_when_to_look(self) -> None:
        driver = Driver(high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        driver.wait(10).decide(connected=())
        due = driver.controller.next_due(driver.now)
        assert due is not None
        assert driver.now < due <= driver.now + 60

    def test_managers_that_come_back_are_left_alone(self) -> None:
        driver = Driver(high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        driver.wait(10).decide(connected=())
        driver.wait(50).decide(connected=(BlockId("0"),))
        assert driver.wait(100).decide() == []
