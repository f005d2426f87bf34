"""What is done about blocks: news in, effects out, without a thread, a clock or a process."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.limits import Decision
from parsl_like.jobs import patience as patience_module
from parsl_like.jobs.breaker import Breaker
from parsl_like.jobs.effects import Cancel, Condemn, Drain, Effect, Ended, Submit
from parsl_like.jobs.policy import htex_auto_scale, none, simple
from tests.jobs.driver import RUNNING, Driver, ended


def test_the_initial_blocks_are_asked_for_at_once() -> None:
    driver = Driver(init=2)
    assert driver.start() == [Submit(BlockId("0")), Submit(BlockId("1"))]
    assert driver.notes("decision")[0].fields == {"scale_out": 2, "scale_in": [], "reason": "the run starts"}
    assert [note.fields["state"] for note in driver.notes("block")] == ["PENDING", "PENDING"]


def test_none_may_be_wanted_at_first() -> None:
    driver = Driver(init=0)
    assert driver.start() == []
    assert driver.seen == []
    assert driver.controller.finished


def test_tasks_bring_blocks_in_one_decision_with_its_reason() -> None:
    driver = Driver(init=0)
    assert driver.decide(outstanding=7) == [Submit(BlockId(str(n))) for n in range(4)]
    note = driver.notes("decision")[-1]
    assert (note.subject, note.fields["scale_out"], note.fields["outstanding"]) == ("htex", 4, 7)
    assert note.fields["reason"] == driver.controller.last_decision
    assert driver.wait(1).decide() == []


def test_every_change_of_a_block_is_noted() -> None:
    driver = Driver()
    driver.start()
    driver.running("0")
    driver.wait(600).answered(job0=ended(0, "walltime is over"))
    told = [{**note.fields, "block": note.subject} for note in driver.notes("block")]
    assert told == [
        {"block": "0", "executor": "htex", "job": None, "state": "PENDING"},
        {"block": "0", "executor": "htex", "job": "job0", "state": "PENDING"},
        {"block": "0", "executor": "htex", "job": "job0", "state": "RUNNING"},
        {"block": "0", "executor": "htex", "job": "job0", "state": "RUNNING", "connected": True},
        {
            "block": "0",
            "executor": "htex",
            "job": "job0",
            "state": "COMPLETED",
            "reason": "walltime is over",
            "exit_code": 0,
        },
    ]


def test_reasons_to_do_nothing_are_noted_when_they_change_but_not_all_the_time() -> None:
    driver = Driver(init=1)
    driver.start()
    driver.running("0")
    before = len(driver.notes("decision"))
    for number in range(1000):
        driver.wait(0.01).decide(outstanding=number % 2)
    assert len(driver.notes("decision")) - before <= 3


class TestLosses:
    def test_a_lost_block_is_told_and_replaced_while_there_are_tasks(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        assert driver.wait(100).answered(job0=ended(137, "killed")) == [
            Ended(BlockId("0"), "its job job0 is FAILED: killed")
        ]
        assert driver.decide(connected=()) == [Submit(BlockId("1"))]

    def test_many_losses_of_blocks_that_had_worked_condemn_nobody(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.decide(outstanding=5)
        for number in range(20):
            driver.running(str(number)).wait(60).decide()
            driver.wait(1).answered(**{f"job{number}": ended(137)})
            assert driver.decide(connected=()) == [Submit(BlockId(str(number + 1)))]
        assert not driver.controller.condemned

    def test_a_block_that_ends_soon_after_it_had_connected_is_replaced_with_a_wait(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        driver.wait(2).answered(job0=ended(1))
        assert driver.decide(connected=()) == []
        assert "asked for later, because of trouble with the last: block 0" in driver.controller.last_decision
        assert driver.controller.next_due(driver.now) == driver.now + 1.0
        assert driver.wait(1).decide() == [Submit(BlockId("1"))]
        assert "1 for now, because of trouble with the last" in driver.controller.last_decision
        assert not driver.controller.condemned

    def test_a_missing_job_is_lost_and_its_end_asked_for_should_it_come_back(self) -> None:
        driver = Driver()
        driver.start()
        driver.running("0").decide(connected=())
        for _ in range(2):
            assert driver.wait(40).answered() == []
        effects = driver.wait(40).answered()
        assert Cancel((JobId("job0"),)) in effects
        assert effects[-1] == Ended(BlockId("0"), "its job job0 is MISSING: absent from 3 answers, for 120 s")
        assert driver.controller.close(driver.now) == [Cancel((JobId("job0"),))]


class TestGivingUp:
    def test_three_blocks_in_a_row_that_die_at_once(self) -> None:
        driver = Driver(init=1, high=2)
        driver.start()
        began = driver.now
        for number in range(3):
            driver.submitted(str(number))
            effects = driver.wait(1).answered(**{f"job{number}": ended(1, "script.sh ended with exit code 1")})
            assert effects[0] == Ended(
                BlockId(str(number)), f"its job job{number} is FAILED: script.sh ended with exit code 1"
            )
            if number < 2:
                assert effects[1:] == []
                assert driver.decide(outstanding=1) == []
                due = driver.controller.next_due(driver.now)
                assert due is not None
                assert driver.wait(due - driver.now).decide() == [Submit(BlockId(str(number + 1)))]
        verdict = effects[1]
        assert isinstance(verdict, Condemn)
        assert verdict.reason.startswith("3 blocks in a row ended before a manager had connected; the last: block 2")
        assert verdict.row is not None
        assert (verdict.row.block, verdict.row.exit_code) == ("2", 1)
        assert driver.now - began < 60
        assert driver.wait(100).decide(outstanding=9) == []

    def test_exit_code_zero_counts_as_well(self) -> None:
        driver = Driver(init=3, high=3)
        driver.start()
        driver.submitted("0", "1", "2")
        effects = driver.wait(1).answered(job0=ended(0), job1=ended(0), job2=ended(0))
        assert isinstance(effects[-1], Condemn)

    def test_one_lost_block_condemns_nobody_while_others_can_be_had(self) -> None:
        driver = Driver(init=4, high=4)
        driver.start()
        driver.submitted("0", "1", "2", "3")
        effects = driver.wait(1).answered(job0=ended(1), job1=ended(1), job2=ended(1), job3=JobReport(JobState.PENDING))
        assert not any(isinstance(effect, Condemn) for effect in effects)
        assert not driver.controller.condemned
        driver.answered(job3=RUNNING)
        driver.decide(connected=(BlockId("3"),))
        assert driver.controller.breaker.stillbirths == 0

    def test_refused_submissions(self) -> None:
        driver = Driver(init=1, high=3)
        driver.start()
        driver.decide(outstanding=1)
        effects = driver.refused("0", "SubmitException: busy")
        block = 0
        while not driver.controller.condemned:
            assert effects == [Ended(BlockId(str(block)), "it could not be submitted: SubmitException: busy")]
            due = driver.controller.next_due(driver.now)
            assert due is not None
            block += 1
            assert driver.wait(due - driver.now).decide() == [Submit(BlockId(str(block)))]
            effects = driver.refused(str(block), "SubmitException: busy")
        assert block == 5
        verdict = effects[-1]
        assert isinstance(verdict, Condemn)
        assert verdict.row is None
        assert "6 submissions in a row were refused in 31 s; the last: SubmitException: busy" in verdict.reason

    def test_a_scheduler_that_recovers_is_forgiven(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.decide(outstanding=1)
        driver.refused("0")
        driver.wait(1).decide()
        driver.refused("1")
        driver.wait(2).decide()
        driver.running("2")
        driver.wait(11).decide()
        assert driver.controller.breaker == Breaker(
            last="no", struck_at=1.0, _permanent=False, _first_refusal=0.0, _has_worked=True
        )

    def test_refusals_while_a_block_works_go_on_for_ever(self) -> None:
        driver = Driver(init=2, high=2)
        driver.start()
        driver.running("0").decide(outstanding=99)
        driver.refused("1")
        for number in range(2, 30):
            driver.now = max(driver.now, driver.controller.breaker.retry_at)
            assert driver.decide() == [Submit(BlockId(str(number)))]
            driver.refused(str(number))
        assert not driver.controller.condemned

    def test_a_block_that_goes_on_working_does_not_shorten_the_waits(self) -> None:
        driver = Driver(init=2, high=2)
        driver.start()
        driver.running("0").wait(100).decide(outstanding=99)
        driver.refused("1", "QOSMaxSubmitJobPerUserLimit")
        asked = []
        for _ in range(300):
            for effect in driver.wait(1).decide():
                assert isinstance(effect, Submit)
                asked.append(driver.now)
                driver.refused(str(effect.block), "QOSMaxSubmitJobPerUserLimit")
        assert [round(later - earlier) for earlier, later in itertools.pairwise(asked)] == [
            2, 4, 8, 16, 32, 60, 60, 60
        ]  # fmt: skip

    def test_whoever_does_not_want_it_is_not_condemned(self) -> None:
        driver = Driver(init=5, high=5, gives_up=False)
        driver.start()
        driver.submitted(*"01234")
        driver.wait(1).answered(**{f"job{n}": ended(1) for n in range(5)})
        assert not driver.controller.condemned

    def test_a_manager_that_never_connects(self) -> None:
        driver = Driver()
        driver.start()
        driver.submitted("0")
        driver.answered(job0=RUNNING)
        assert driver.controller.next_due(0.0) == 90.0
        assert driver.wait(59).decide() == []
        assert driver.notes("warning") == []
        driver.wait(2).decide()
        driver.decide()
        assert [note.fields["text"] for note in driver.notes("warning")] == [
            "block 0 (job job0) runs for 61 s, but no manager of it has connected"
        ]
        effects = driver.wait(29).decide(outstanding=3)
        assert effects[0] == Cancel((JobId("job0"),))
        assert isinstance(effects[1], Condemn)
        assert effects[1].reason == "block 0 (job job0) ran for 90 s, but no manager of it has connected"
        (told,) = driver.answered(job0=JobReport(JobState.CANCELLED))
        assert told == Ended(BlockId("0"), f"its job job0 is FAILED: {effects[1].reason}")

    def test_one_that_does_not_connect_where_others_have_is_replaced(self) -> None:
        driver = Driver(init=2, high=2)
        driver.start()
        driver.running("0").submitted("1")
        driver.decide(outstanding=9)
        driver.answered(job0=RUNNING, job1=RUNNING)
        effects = driver.wait(90).decide()
        assert effects == [Cancel((JobId("job1"),))]
        driver.answered(job0=RUNNING, job1=JobReport(JobState.CANCELLED))
        assert driver.wait(2).decide() == [Submit(BlockId("2"))]

    def test_a_job_that_comes_late_is_cancelled_until_that_is_taken_in(self) -> None:
        driver = Driver(high=1)
        driver.start()
        driver.wait(38).refused("0", "the provider's submit has not come back")
        driver.wait(22)
        assert driver.submitted("0") == [Cancel((JobId("job0"),))]
        assert driver.decide(outstanding=1) == []
        assert "still in the way" in driver.controller.last_decision
        due = driver.controller.next_due(driver.now)
        assert due == driver.now + patience_module.CANCEL_AGAIN_S
        assert driver.wait(patience_module.CANCEL_AGAIN_S).decide() == [Cancel((JobId("job0"),))]
        assert driver.controller.accepted([JobId("job0")])
        assert driver.decide() == [Submit(BlockId("1"))]
        assert driver.wait(1000).controller.close(driver.now) == []

    def test_and_once_more_at_the_end(self) -> None:
        driver = Driver(init=1)
        driver.start()
        driver.refused("0")
        driver.submitted("0")
        assert driver.take(driver.controller.close(driver.now)) == [Cancel((JobId("job0"),))]

    def test_an_executor_failed_by_somebody_else(self) -> None:
        driver = Driver()
        driver.start()
        driver.running("0")
        assert driver.controller.condemn(driver.now) == [Cancel((JobId("job0"),))]
        assert driver.decide(outstanding=9) == []


class TestScalingIn:
    def idle(self, policy: Any = htex_auto_scale) -> Driver:
        driver = Driver(init=2, policy=policy)
        driver.start()
        driver.running("0", "1")
        driver.decide(idle_blocks=(BlockId("0"), BlockId("1")))
        assert driver.controller.next_due(driver.now) == driver.now + 120
        return driver

    def test_managers_are_asked_first_and_end_their_job_themselves(self) -> None:
        driver = self.idle()
        assert driver.wait(120).decide() == [Drain((BlockId("0"), BlockId("1")))]
        assert driver.notes("decision")[-1].fields["scale_in"] == ["0", "1"]
        assert driver.decide() == []
        driver.wait(1).decide(connected=(), idle_blocks=())
        assert driver.answered(job0=ended(0), job1=ended(0))[0] == Ended(
            BlockId("0"), "its job job0 is SCALED_IN: script.sh ended"
        )

    def test_a_job_that_outlives_its_managers_is_cancelled(self) -> None:
        driver = self.idle()
        driver.wait(120).decide()
        assert driver.controller.next_due(driver.now) == driver.now + patience_module.DRAIN_GRACE_S
        assert driver.wait(4).decide(connected=(), idle_blocks=()) == []
        assert driver.wait(1).decide() == [Cancel((JobId("job0"), JobId("job1")))]

    def test_an_idle_block_that_does_not_drain_is_cancelled(self) -> None:
        driver = self.idle()
        driver.wait(120).decide()
        assert driver.wait(29).decide() == []
        assert driver.controller.next_due(driver.now) == driver.now + 1
        assert driver.wait(1).decide() == [Cancel((JobId("job0"), JobId("job1")))]
        assert driver.controller.next_due(driver.now) == driver.now + patience_module.CANCEL_AGAIN_S

    def test_a_block_that_got_work_meanwhile_may_finish_it(self) -> None:
        driver = self.idle()
        driver.wait(120).decide()
        assert driver.wait(1000).decide(idle_blocks=()) == []

    def test_a_policy_that_wants_more_than_there_may_be(self) -> None:
        driver = Driver(init=1, high=1, policy=lambda *args, **options: Decision(scale_out=9, reason="greed"))
        driver.start()
        assert driver.running("0").decide(outstanding=9) == []
        assert driver.controller.last_decision == "there are as many blocks as there may be"

    def test_a_block_that_leaves_still_holds_its_nodes(self) -> None:
        driver = Driver(init=1, high=1, policy=htex_auto_scale)
        driver.start()
        driver.running("0").decide(idle_blocks=(BlockId("0"),))
        assert driver.wait(120).decide() == [Drain((BlockId("0"),))]
        assert driver.decide(outstanding=4) == []
        assert driver.controller.last_decision == "blocks that are about to end are still in the way"
        driver.answered(job0=ended(0))
        assert driver.decide(connected=(), idle_blocks=()) == [Submit(BlockId("1"))]

    def test_blocks_that_wait_to_start_are_cancelled_at_once(self) -> None:
        driver = Driver(init=2)
        driver.start()
        driver.submitted("0")
        driver.decide()
        assert driver.wait(120).decide() == [Cancel((JobId("job0"),))]
        # The other one has no job yet; it is cancelled when it has one.
        assert driver.submitted("1") == [Cancel((JobId("job1"),))]

    def test_a_job_that_will_not_end_is_cancelled_again(self) -> None:
        driver = Driver()
        driver.start()
        driver.submitted("0")
        driver.decide()
        assert driver.wait(120).decide() == [Cancel((JobId("job0"),))]
        assert driver.wait(29).decide() == []
        assert driver.wait(1).decide() == [Cancel((JobId("job0"),))]
        assert driver.wait(1).decide() == []

    def test_by_hand(self) -> None:
        driver = Driver(init=2, policy=none)
        driver.start()
        driver.running("0")
        assert driver.take(driver.controller.scale_out(1, driver.now)) == [Submit(BlockId("2"))]
        driver.submitted("1", "2")
        chosen = [BlockId("0"), BlockId("2"), BlockId("77")]
        assert driver.take(driver.controller.scale_in(chosen, driver.now)) == [
            Drain((BlockId("0"),)),
            Cancel((JobId("job2"),)),
        ]
        assert driver.take(driver.controller.scale_in(chosen, driver.now)) == []


class TestClosing:
    def test_everything_is_cancelled_also_what_comes_late(self) -> None:
        driver = Driver(init=3)
        driver.start()
        driver.submitted("0", "1")
        assert driver.take(driver.controller.close(driver.now)) == [Cancel((JobId("job0"), JobId("job1")))]
        assert driver.decide(outstanding=100) == []
        assert driver.submitted("2") == [Cancel((JobId("job2"),))]
        assert not driver.controller.finished
        cancelled = JobReport(JobState.CANCELLED)
        driver.answered(job0=cancelled, job1=cancelled, job2=cancelled)
        assert driver.controller.finished

    def test_what_was_not_submitted_yet_is_not(self) -> None:
        driver = Driver()
        driver.start()
        driver.controller.close(driver.now)
        assert driver.take(driver.controller.withdrawn(BlockId("0"), driver.now)) == [
            Ended(BlockId("0"), "it could not be submitted: not submitted any more")
        ]
        assert driver.controller.finished
        assert driver.controller.ledger[BlockId("0")].state is JobState.SCALED_IN
        assert driver.controller.breaker.refusals == 0

    def test_jobs_are_cancelled_again_while_they_last(self) -> None:
        driver = Driver()
        driver.start()
        driver.submitted("0")
        driver.controller.close(driver.now)
        assert driver.wait(30).decide() == [Cancel((JobId("job0"),))]


def test_a_block_that_is_lost_while_nobody_knows_its_state_is_replaced() -> None:
    driver = Driver(high=1)
    driver.start()
    driver.submitted("0")
    driver.decide(connected=(BlockId("0"),), outstanding=3, slots=2)
    driver.wait(20).decide(connected=(), slots=0)
    assert driver.wait(1).unanswered() == []
    cancel, told = driver.wait(40).unanswered()
    assert cancel == Cancel((JobId("job0"),))
    assert isinstance(told, Ended)
    assert "MISSING" in told.reason
    assert driver.decide() == []
    assert driver.controller.accepted([JobId("job0")])
    assert driver.decide() == [Submit(BlockId("1"))]


def test_a_block_that_nobody_ever_hears_of_is_a_reason_to_give_up_where_nothing_has_ever_worked() -> None:
    driver = Driver(high=1)
    driver.start()
    driver.submitted("0")
    effects = driver.wait(100).unanswered("KeyError: 'state'")
    (condemned,) = [effect for effect in effects if isinstance(effect, Condemn)]
    assert "its state has not been known for 100 s: KeyError: 'state'" in condemned.reason


def test_a_block_that_nobody_ever_hears_of_is_replaced_where_others_have_worked() -> None:
    driver = Driver(high=2, init=2)
    driver.start()
    driver.running("0")
    driver.submitted("1")
    effects = driver.wait(100).unanswered()
    assert not [effect for effect in effects if isinstance(effect, Condemn)]
    assert driver.controller.ledger.jobs() == [JobId("job0")]


def test_at_the_end_a_job_that_is_not_seen_has_ended_whatever_managers_were_last_told_of() -> None:
    driver = Driver()
    driver.start()
    driver.running("0")
    driver.take(driver.controller.close(driver.now))
    for _ in range(3):
        driver.wait(0.1).decide()
        driver.answered()
    assert driver.controller.finished


def test_a_job_that_comes_after_its_block_was_given_up_is_cancelled() -> None:
    driver = Driver()
    driver.start()
    driver.refused("0", "ProviderSilent: no answer")
    assert driver.submitted("0") == [Cancel((JobId("job0"),))]
    assert "came to be after the block had been given up" in driver.notes("warning")[0].fields["text"]


def test_a_block_that_was_refused_is_refused_once() -> None:
    driver = Driver()
    driver.start()
    assert driver.refused("0") == [Ended(BlockId("0"), "it could not be submitted: no")]
    assert driver.refused("0") == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.integers(0, 30), st.integers(0, 3)),
        st.tuples(st.just("submitted"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("refused"), st.integers(0, 5), st.integers(0, 1)),
        st.tuples(st.just("answered"), st.sampled_from([None, *JobState]), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(0, 200), st.just(0)),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


class Storm:
    """Anything may happen, in any order; what was asked for is kept count of."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.waiting: list[str] = []
        self.over: set[str] = set()
        self.take(driver.start())

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Submit):
                assert not self.driver.controller.closing
                self.waiting.append(effect.block)
            elif isinstance(effect, Ended):
                assert effect.block not in self.over, "told twice"
                self.over.add(effect.block)
            elif isinstance(effect, Cancel):
                assert effect.jobs

    def wait(self, seconds: int, _: int) -> None:
        self.driver.wait(seconds)

    def close(self, _: int, __: int) -> None:
        self.take(self.driver.take(self.driver.controller.close(self.driver.now)))

    def decide(self, outstanding: int, idle: int) -> None:
        live = self.driver.controller.ledger.live()
        running = tuple(row.block for row in live if row.state is JobState.RUNNING)[: outstanding % 4]
        self.take(self.driver.decide(outstanding=outstanding, connected=running, idle_blocks=running[:idle]))

    def submitted(self, which: int, _: int) -> None:
        if self.waiting:
            self.take(self.driver.submitted(self.waiting.pop(which % len(self.waiting))))

    def refused(self, which: int, transient: int) -> None:
        if self.waiting:
            self.take(self.driver.refused(self.waiting.pop(which % len(self.waiting)), transient=bool(transient)))

    def answered(self, state: JobState | None, skipped: int) -> None:
        jobs = self.driver.controller.ledger.jobs()[skipped:]
        self.take(self.driver.answered(**({} if state is None else {job: JobReport(state) for job in jobs})))

    def check(self) -> None:
        controller = self.driver.controller
        rows = controller.ledger.rows()
        assert len([row for row in rows if not row.over]) <= controller.limits.maximum
        assert self.over == {row.block for row in rows if row.state in TERMINAL_STATES}
        assert controller.finished == all(row.over for row in rows)
        assert {row.block for row in rows if row.job is None and not row.over} == set(self.waiting)


@given(STEPS, st.sampled_from([none, simple, htex_auto_scale]), st.integers(0, 3), st.integers(0, 2), st.integers(1, 4))
def test_whatever_comes(steps: list[Any], policy: Any, init: int, low: int, high: int) -> None:
    storm = Storm(Driver(policy=policy, init=init, low=low, high=max(high, init, low)))
    for what, first, second in steps:
        getattr(storm, what)(first, second)
        storm.check()
