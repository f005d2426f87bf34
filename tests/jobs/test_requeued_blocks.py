"""Jobs that a batch system puts back into the queue, or suspends, under the same id: each begins a new life."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.jobs.effects import Cancel, Drain, Ended, Submit
from parsl_like.jobs.judgement import statuses
from parsl_like.jobs.ledger import PARTED_AFTER_S
from parsl_like.jobs.policy import htex_auto_scale
from parsl_like.testing.stub_provider import StubProviderSession
from tests.jobs.driver import PENDING, RUNNING, Driver, ended

A, B = BlockId("0"), BlockId("1")
SUSPENDED = JobReport(JobState.HELD, "SUSPENDED")
CONNECT_TIMEOUT = 90.0  # the driver's


def preempted(report: JobReport = PENDING, *, high: int = 1, **more: Any) -> Driver:
    """A block's managers were told to end, have gone, and its job waits again."""
    driver = Driver(high=high, **more)
    driver.start()
    driver.running("0").wait(20).decide(outstanding=2, draining=(A,))
    driver.wait(1).decide(connected=(), draining=())
    driver.submitted(*(row.block for row in driver.controller.ledger.live() if row.job is None))
    driver.wait(1).answered(job0=report, job1=RUNNING)
    driver.decide()
    return driver


class TestManagersHaveTheirTime:
    @pytest.mark.parametrize("report", [PENDING, SUSPENDED])
    @pytest.mark.parametrize("waited", [1.0, 128.0])
    def test_however_long_it_has_waited(self, report: JobReport, waited: float) -> None:
        driver = preempted(report)
        driver.wait(waited).answered(job0=RUNNING)
        assert driver.decide() == []
        assert driver.controller.next_due(driver.now) == driver.now + CONNECT_TIMEOUT
        assert driver.wait(CONNECT_TIMEOUT - 1).decide() == []
        driver.decide(connected=(A,))
        assert driver.wait(1000).decide() == []

    def test_one_that_does_not_come_back_is_replaced(self) -> None:
        driver = preempted()
        driver.wait(100).answered(job0=RUNNING)
        assert driver.wait(CONNECT_TIMEOUT).decide() == [Cancel((JobId("job0"),))]
        text = "block 0 (job job0) ran for 90 s, but no manager of it has connected since it began again"
        assert driver.notes("warning")[-1].fields["text"] == f"{text}; it is cancelled"
        assert driver.answered(job0=ended(143)) == [Ended(A, f"its job job0 is FAILED: {text}")]
        assert driver.wait(2).decide() == [Submit(B)]

    def test_one_that_came_back_and_goes_again_is_abandoned_as_the_first_time(self) -> None:
        driver = preempted()
        driver.wait(100).answered(job0=RUNNING)
        driver.decide(connected=(A,))
        driver.wait(10).decide(connected=())
        assert driver.wait(59).decide() == []
        assert driver.wait(1).decide() == [Cancel((JobId("job0"),))]

    def test_its_end_before_they_have_come_is_a_stillbirth(self) -> None:
        driver = preempted()
        driver.wait(100).answered(job0=RUNNING)
        driver.wait(5).answered(job0=ended(1))
        row = driver.controller.ledger[A]
        assert (row.stillborn, row.lifetime, row.ever_connected) == (True, None, True)
        assert driver.controller.breaker.stillbirths == 1

    def test_its_second_life_counts_from_its_own_beginning(self) -> None:
        driver = preempted()
        driver.wait(100).answered(job0=RUNNING)
        driver.decide(connected=(A,))
        driver.wait(4).answered(job0=ended(1))
        assert driver.controller.ledger[A].lifetime == 4.0
        assert driver.controller.breaker.short_lives == 1

    def test_who_asks_whether_it_ever_connected_hears_that_it_has(self) -> None:
        driver = preempted()
        shown = statuses(driver.controller.ledger.rows(), StubProviderSession())
        assert shown["0"].connected

    def test_nobody_waits_for_it_to_show_that_the_trouble_is_over(self) -> None:
        """After trouble the others wait for a new block to connect; this one has, and may now wait for hours."""
        driver = Driver(high=4)
        driver.start()
        driver.running("0").decide(outstanding=2)
        driver.wait(2).answered(job0=ended(1))
        driver.decide(connected=())
        assert driver.wait(1).decide() == [Submit(B)]
        driver.running("1").wait(2).decide(connected=())
        driver.answered(job1=PENDING)
        assert driver.controller.breaker.in_doubt
        assert driver.decide(outstanding=100) == [Submit(BlockId("2"))]


class TestWhileNobodyAnswers:
    @pytest.mark.parametrize("report", [PENDING, SUSPENDED])
    def test_one_that_waits_again_is_not_taken_for_gone(self, report: JobReport) -> None:
        driver = preempted(report)
        for _ in range(20):
            assert driver.wait(PARTED_AFTER_S).unanswered() == []
            assert driver.decide() == []
        driver.answered(job0=RUNNING)
        assert driver.decide(connected=(A,)) == []

    def test_nor_is_one_that_has_begun_again(self) -> None:
        driver = preempted()
        driver.wait(60).answered(job0=RUNNING)
        assert driver.wait(PARTED_AFTER_S).unanswered() == []
        assert driver.decide() == []


class TestDrainingEndsWithTheLife:
    def returned(self, driver: Driver) -> Driver:
        driver.wait(8).answered(job0=RUNNING, job1=RUNNING)
        driver.decide(connected=(A, B), slots=4)
        return driver

    def test_a_block_that_waits_again_is_counted(self) -> None:
        driver = Driver(high=4)
        driver.start()
        driver.running("0").wait(20).decide(outstanding=2, slots=2)
        driver.wait(1).answered(job0=RUNNING)
        driver.decide(connected=())
        driver.answered(job0=PENDING)
        assert driver.controller.ledger[A].staying
        assert driver.decide(outstanding=2) == []

    def test_one_that_has_returned_is_scaled_in_like_others(self) -> None:
        driver = self.returned(preempted(high=4, policy=htex_auto_scale))
        driver.decide(outstanding=0, idle_blocks=(A, B))
        assert driver.wait(120).decide() == [Drain((A, B))]

    def test_its_later_deaths_count(self) -> None:
        driver = preempted()
        driver.wait(100).answered(job0=RUNNING)
        driver.decide(connected=(A,), worked=())
        driver.wait(60).answered(job0=ended(137))
        assert driver.controller.breaker.fruitless == 1

    def test_managers_that_come_back_say_anew_whether_they_drain(self) -> None:
        driver = Driver(high=1)
        driver.start()
        driver.running("0").wait(20).decide(outstanding=2, draining=(A,))
        driver.wait(1).decide(connected=(), draining=())
        assert not driver.controller.ledger[A].staying
        driver.wait(1).decide(connected=(A,))
        assert driver.controller.ledger[A].staying
        driver.wait(1).decide(draining=(A,))
        driver.wait(1).decide(connected=(), draining=())
        driver.wait(1).decide(connected=(A,), draining=(A,))
        assert not driver.controller.ledger[A].staying
