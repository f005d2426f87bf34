"""Blocks and what is known of them: never back, never out of a final state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState, may_follow
from parsl_like.jobs import ledger as ledger_module
from parsl_like.jobs.ledger import KEPT, PARTED_AFTER_S, STUCK_S, UNACCOUNTED_S, Ledger

A, JOB = BlockId("a"), JobId("job-a")


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger(misses=3, missing_after=60.0)
    change = ledger.request(A, 0.0)
    assert (change.row.state, change.row.job) == (JobState.PENDING, None)
    assert ledger.submitted(A, JOB, 1.0)
    return ledger


def answer(
    ledger: Ledger, state: JobState | None, now: float, message: str | None = None, code: int | None = None
) -> list:
    reports = {} if state is None else {JOB: JobReport(state, message, code)}
    return [(change.before, change.row.state) for change in ledger.answered([JOB], reports, now)]


def test_a_life(ledger: Ledger) -> None:
    assert answer(ledger, JobState.PENDING, 2.0) == []
    assert answer(ledger, JobState.RUNNING, 3.0) == [(JobState.PENDING, JobState.RUNNING)]
    assert ledger[A].running_since == 3.0
    assert ledger.connected([A], 4.0) == [A]
    assert ledger.connected([A], 5.0) == []
    assert (ledger[A].connected, ledger[A].connected_since) == (True, 4.0)
    assert answer(ledger, JobState.COMPLETED, 9.0, "done", 0) == [(JobState.RUNNING, JobState.COMPLETED)]
    row = ledger[A]
    assert (row.over, row.ended, row.connected, row.message, row.exit_code) == (True, 9.0, False, "done", 0)
    assert not row.stillborn
    assert ledger.jobs() == []
    assert ledger.live() == []


def test_a_block_with_a_manager_runs_whatever_the_batch_system_says(ledger: Ledger) -> None:
    ledger.connected([A], 4.0)
    assert (ledger[A].state, ledger[A].running_since) == (JobState.RUNNING, 4.0)
    assert answer(ledger, JobState.PENDING, 5.0) == []
    assert answer(ledger, JobState.HELD, 6.0) == []
    assert ledger[A].state is JobState.RUNNING
    ledger.connected([], 7.0)
    assert answer(ledger, JobState.PENDING, 8.0) == [(JobState.RUNNING, JobState.PENDING)]
    assert answer(ledger, JobState.COMPLETED, 9.0) == [(JobState.PENDING, JobState.COMPLETED)]


def test_a_job_that_the_batch_system_ends_and_still_reports_is_in_the_way_for_a_while_only(ledger: Ledger) -> None:
    answer(ledger, JobState.RUNNING, 2.0)
    ledger.cancel(A, 10.0, "all its managers have been gone")
    assert answer(ledger, JobState.RUNNING, 100.0) == [], "nobody has said that it will end"
    assert ledger.accepted([JOB]) == []
    ledger.connected([A], 101.0)
    assert answer(ledger, JobState.RUNNING, 102.0) == [], "a manager is there"
    ledger.connected([], 103.0)
    assert answer(ledger, JobState.RUNNING, 104.0) == [(JobState.RUNNING, JobState.FAILED)]
    assert ledger[A].message == "all its managers have been gone"
    assert ledger.unaccounted(105.0) == []


def test_one_that_was_just_told_to_end_is_waited_for(ledger: Ledger) -> None:
    answer(ledger, JobState.RUNNING, 2.0)
    ledger.cancel(A, 10.0)
    ledger.accepted([JOB])
    assert answer(ledger, JobState.RUNNING, 9.9 + STUCK_S) == []
    assert answer(ledger, JobState.RUNNING, 10.0 + STUCK_S) == [(JobState.RUNNING, JobState.SCALED_IN)]
    assert "it is RUNNING all the same" in (ledger[A].message or "")


def test_rows_are_copies(ledger: Ledger) -> None:
    copy = ledger.rows()[0]
    answer(ledger, JobState.RUNNING, 3.0)
    assert copy.state is JobState.PENDING


@pytest.mark.parametrize("final", sorted(TERMINAL_STATES))
@pytest.mark.parametrize("later", list(JobState))
def test_a_final_state_never_changes(ledger: Ledger, final: JobState, later: JobState) -> None:
    answer(ledger, final, 3.0, "first", 1)
    assert answer(ledger, later, 4.0, "later", 0) == []
    assert (ledger[A].state, ledger[A].message, ledger[A].exit_code) == (final, "first", 1)
    assert ledger.refused(A, "late", 5.0) is None


def test_a_requeued_job_waits_again(ledger: Ledger) -> None:
    answer(ledger, JobState.RUNNING, 3.0)
    assert answer(ledger, JobState.PENDING, 4.0) == [(JobState.RUNNING, JobState.PENDING)]
    assert ledger[A].running_since is None
    answer(ledger, JobState.RUNNING, 50.0)
    assert ledger[A].running_since == 50.0


def test_an_answer_nobody_understands_changes_nothing_but_is_kept(ledger: Ledger) -> None:
    answer(ledger, JobState.RUNNING, 3.0)
    assert answer(ledger, JobState.UNKNOWN, 4.0, "state QX") == []
    assert (ledger[A].state, ledger[A].message, ledger[A].misses) == (JobState.RUNNING, "state QX", 0)


def test_nor_does_it_confirm_anything(ledger: Ledger) -> None:
    answer(ledger, JobState.UNKNOWN, 4.0, "the batch system did not answer")
    assert (ledger[A].seen, ledger[A].heard, ledger[A].known) == (1.0, 4.0, False)
    answer(ledger, JobState.RUNNING, 5.0)
    answer(ledger, JobState.UNKNOWN, 6.0)
    assert (ledger[A].seen, ledger[A].heard, ledger[A].known) == (5.0, 6.0, True)


def test_a_refused_block_is_a_row(ledger: Ledger) -> None:
    ledger.request(BlockId("b"), 5.0)
    change = ledger.refused(BlockId("b"), "no such partition", 6.0)
    assert change is not None
    assert (change.before, change.row.state, change.row.message) == (
        JobState.PENDING,
        JobState.FAILED,
        "no such partition",
    )
    assert change.row.stillborn
    assert [row.block for row in ledger.rows()] == ["a", "b"]


def test_a_job_that_comes_too_late_is_nobodys(ledger: Ledger) -> None:
    ledger.request(BlockId("b"), 5.0)
    ledger.refused(BlockId("b"), "no answer", 6.0)
    assert not ledger.submitted(BlockId("b"), JobId("late"), 7.0)


class TestMissing:
    def test_it_takes_several_answers_and_a_while(self, ledger: Ledger) -> None:
        answer(ledger, JobState.RUNNING, 10.0)
        for now in (20.0, 30.0, 40.0, 69.0):
            assert answer(ledger, None, now) == []
        assert answer(ledger, None, 70.0) == [(JobState.RUNNING, JobState.MISSING)]
        assert ledger[A].message == "absent from 5 answers, for 60 s"

    def test_a_long_silence_is_no_proof_with_few_answers(self, ledger: Ledger) -> None:
        assert answer(ledger, None, 1000.0) == []
        assert answer(ledger, None, 2000.0) == []
        assert answer(ledger, None, 3000.0) == [(JobState.PENDING, JobState.MISSING)]

    def test_being_seen_begins_anew(self, ledger: Ledger) -> None:
        for now in (20.0, 30.0):
            answer(ledger, None, now)
        answer(ledger, JobState.PENDING, 35.0)
        for now in (40.0, 50.0, 94.0):
            assert answer(ledger, None, now) == []
        assert answer(ledger, None, 95.0) == [(JobState.PENDING, JobState.MISSING)]

    def test_so_does_being_mentioned_in_words_that_nobody_understands(self, ledger: Ledger) -> None:
        for now in (20.0, 30.0):
            answer(ledger, None, now)
        answer(ledger, JobState.UNKNOWN, 35.0)
        for now in (40.0, 50.0, 94.0):
            assert answer(ledger, None, now) == []
        assert answer(ledger, None, 95.0) == [(JobState.PENDING, JobState.MISSING)]

    def test_a_connected_manager_proves_that_it_lives(self, ledger: Ledger) -> None:
        ledger.connected([A], 10.0)
        for now in range(20, 500, 10):
            assert answer(ledger, None, float(now)) == []
        ledger.connected([], 500.0)
        assert answer(ledger, None, 510.0) == [(JobState.RUNNING, JobState.MISSING)]

    def test_a_job_that_was_not_asked_for_is_not_missed(self, ledger: Ledger) -> None:
        for now in range(100, 1000, 100):
            assert ledger.answered([JobId("another")], {}, float(now)) == []
        assert ledger[A].misses == 0

    def test_after_its_end_was_asked_for_it_need_not_take_long(self, ledger: Ledger) -> None:
        ledger.cancel(A, 2.0)
        assert answer(ledger, None, 3.0) == []
        assert answer(ledger, None, 4.0) == []
        assert answer(ledger, None, 5.0) == [(JobState.PENDING, JobState.SCALED_IN)]


@pytest.mark.parametrize("ask", ["cancel", "drain"])
@pytest.mark.parametrize("how", [JobState.CANCELLED, JobState.COMPLETED, JobState.FAILED, JobState.TIMEOUT])
def test_what_we_asked_for_is_our_doing(ledger: Ledger, ask: str, how: JobState) -> None:
    getattr(ledger, ask)(A, 2.0)
    getattr(ledger, ask)(A, 3.0)
    assert ledger[A].leaving
    assert 2.0 in (ledger[A].cancel_asked, ledger[A].drain_asked)
    assert answer(ledger, how, 4.0, "words", 15) == [(JobState.PENDING, JobState.SCALED_IN)]
    assert (ledger[A].message, ledger[A].exit_code, ledger[A].stillborn) == ("words", 15, False)


def test_a_block_withdrawn_before_it_was_submitted() -> None:
    ledger = Ledger()
    ledger.request(A, 0.0)
    ledger.cancel(A, 1.0)
    change = ledger.refused(A, "withdrawn", 2.0)
    assert change is not None
    assert change.row.state is JobState.SCALED_IN


def test_old_blocks_are_forgotten_live_ones_never() -> None:
    ledger = Ledger()
    ledger.request(A, 0.0)
    for number in range(KEPT + 5):
        block = BlockId(str(number))
        ledger.request(block, 1.0)
        ledger.refused(block, "no", 2.0)
    ledger.request(BlockId("last"), 3.0)
    rows = ledger.rows()
    assert len(rows) == KEPT + 2
    assert (rows[0].block, rows[1].block, rows[-1].block) == (A, "5", "last")


NEWS = st.one_of(
    st.tuples(st.just("answer"), st.sampled_from([None, *JobState]), st.floats(0, 100)),
    st.tuples(st.just("connected"), st.booleans(), st.floats(0, 100)),
    st.tuples(st.sampled_from(["cancel", "drain", "refused"]), st.none(), st.floats(0, 100)),
)


@given(st.lists(NEWS, max_size=40))
def test_whatever_comes_the_order_of_states_is_kept(news: list) -> None:
    ledger = Ledger(misses=2, missing_after=30.0)
    ledger.request(A, 0.0)
    ledger.submitted(A, JOB, 0.0)
    now, before = 0.0, JobState.PENDING
    for kind, what, pause in news:
        now += pause
        changes = []
        if kind == "answer":
            changes = ledger.answered([JOB], {} if what is None else {JOB: JobReport(what)}, now)
        elif kind == "connected":
            ledger.connected([A] if what else [], now)
            before = JobState.RUNNING if ledger[A].connected else before
        elif kind == "refused":
            change = ledger.refused(A, "x", now)
            changes = [] if change is None else [change]
        else:
            getattr(ledger, kind)(A, now)
        for change in changes:
            assert change.before is before
            assert may_follow(before, change.row.state)
            before = change.row.state
        row = ledger[A]
        assert row.state is before
        assert row.over == (row.ended is not None)
        assert bool(ledger.jobs()) == (not row.over)
        assert not (row.over and row.connected)


def test_the_bounds_are_those_of_the_documents() -> None:
    assert (ledger_module.MISSES, ledger_module.MISSING_AFTER_S) == (3, 60.0)


def unanswered(ledger: Ledger, now: float, patience: float = 90.0) -> list:
    changes = ledger.unanswered([JOB], "squeue: down", patience, now)
    return [(change.before, change.row.state) for change in changes]


def test_no_answer_says_nothing_about_a_job_that_was_seen(ledger: Ledger) -> None:
    answer(ledger, JobState.PENDING, 2.0)
    assert unanswered(ledger, 1e6) == []
    answer(ledger, JobState.RUNNING, 1e6)
    assert unanswered(ledger, 2e6) == []


def test_no_answer_says_nothing_about_a_job_with_managers(ledger: Ledger) -> None:
    ledger.connected([A], 4.0)
    assert unanswered(ledger, 1e6) == []


def test_a_job_that_nobody_has_ever_heard_of_is_given_up(ledger: Ledger) -> None:
    assert unanswered(ledger, 90.9) == []
    assert unanswered(ledger, 91.0) == [(JobState.PENDING, JobState.MISSING)]
    assert ledger[A].stillborn
    assert ledger[A].message == (
        "no manager of it is connected, and its state has not been known for 90 s: squeue: down"
    )


def test_nor_is_it_spared_for_answers_that_say_nothing_of_it(ledger: Ledger) -> None:
    answer(ledger, JobState.UNKNOWN, 10.0, "the batch system did not answer")
    assert unanswered(ledger, 99.9) == []
    assert unanswered(ledger, 100.0) == [(JobState.PENDING, JobState.MISSING)]


def test_a_job_whose_managers_have_gone_is_given_up_if_nobody_knows_its_state(ledger: Ledger) -> None:
    answer(ledger, JobState.RUNNING, 3.0)
    ledger.connected([A], 4.0)
    ledger.connected([], 10.0)
    ledger.connected([], 20.0)
    assert unanswered(ledger, 10.0 + PARTED_AFTER_S - 0.1) == []
    answer(ledger, JobState.RUNNING, 12.0)
    assert unanswered(ledger, 12.0 + PARTED_AFTER_S - 0.1) == []
    ledger.connected([A], 13.0)
    ledger.connected([], 14.0)
    assert unanswered(ledger, 14.0 + PARTED_AFTER_S - 0.1) == []
    assert unanswered(ledger, 14.0 + PARTED_AFTER_S) == [(JobState.RUNNING, JobState.MISSING)]


def test_only_jobs_that_were_asked_after_are_given_up(ledger: Ledger) -> None:
    assert ledger.unanswered([JobId("other")], "", 0.0, 1e6) == []


def test_a_job_that_is_to_end_and_cannot_be_seen_is_taken_for_ended(ledger: Ledger) -> None:
    ledger.cancel(A, 2.0)
    assert unanswered(ledger, 1e3) == [(JobState.PENDING, JobState.SCALED_IN)]


def test_managers_that_nobody_tells_of_are_none(ledger: Ledger) -> None:
    ledger.connected([A], 4.0)
    ledger.part()
    assert not ledger[A].connected


class TestWaiting:
    HOPELESS = JobReport(JobState.PENDING, "PartitionDown", hopeless="the partition is down")

    def report(self, ledger: Ledger, report: JobReport, now: float) -> None:
        ledger.answered([JOB], {JOB: report}, now)

    def test_since_when_it_waits_and_can_never_start(self, ledger: Ledger) -> None:
        assert ledger[A].waits_since == 1.0
        for now in (2.0, 7.0):
            self.report(ledger, self.HOPELESS, now)
        row = ledger[A]
        assert (row.hopeless, row.hopeless_since, row.seen) == ("the partition is down", 2.0, 7.0)
        assert (row.message, row.waits_since) == ("the partition is down", 1.0)

    def test_held_is_a_state_with_its_reason(self, ledger: Ledger) -> None:
        self.report(ledger, JobReport(JobState.HELD, "JobHeldAdmin", hopeless="an administrator holds it"), 2.0)
        assert (ledger[A].state, ledger[A].message) == (JobState.HELD, "an administrator holds it")

    @pytest.mark.parametrize(
        "later", [JobReport(JobState.PENDING, "Priority"), JobReport(JobState.HELD), JobReport(JobState.RUNNING)]
    )
    def test_an_answer_that_does_not_say_so_ends_it(self, ledger: Ledger, later: JobReport) -> None:
        self.report(ledger, self.HOPELESS, 2.0)
        self.report(ledger, later, 3.0)
        assert (ledger[A].hopeless, ledger[A].hopeless_since) == (None, None)

    def test_an_answer_nobody_understands_does_not(self, ledger: Ledger) -> None:
        self.report(ledger, self.HOPELESS, 2.0)
        self.report(ledger, JobReport(JobState.UNKNOWN), 3.0)
        assert ledger[A].hopeless_since == 2.0

    def test_nor_does_it_show_that_the_job_still_waits(self, ledger: Ledger) -> None:
        self.report(ledger, self.HOPELESS, 2.0)
        self.report(ledger, JobReport(JobState.UNKNOWN), 30.0)
        assert ledger[A].seen == 2.0

    def test_a_requeued_job_waits_from_then_on(self, ledger: Ledger) -> None:
        answer(ledger, JobState.RUNNING, 5.0)
        assert ledger[A].waits_since is None
        answer(ledger, JobState.PENDING, 9.0)
        assert ledger[A].waits_since == 9.0


class TestUnaccountedFor:
    def absent(self, ledger: Ledger) -> None:
        for now in (100.0, 200.0, 300.0):
            answer(ledger, None, now)
        assert ledger[A].over

    def test_a_missing_job_is_until_somebody_says_that_it_ends(self, ledger: Ledger) -> None:
        self.absent(ledger)
        assert [row.block for row in ledger.unaccounted(301.0)] == [A]
        assert ledger.is_unaccounted(A)
        assert ledger.accepted([JobId("another")]) == []
        assert ledger.accepted([JOB]) == [A]
        assert ledger.unaccounted(301.0) == []
        assert ledger[A].state is JobState.MISSING

    def test_or_for_some_minutes(self, ledger: Ledger) -> None:
        self.absent(ledger)
        assert ledger.unaccounted(300.0 + UNACCOUNTED_S - 1)
        assert ledger.unaccounted(300.0 + UNACCOUNTED_S) == []

    def test_so_is_one_that_was_told_to_end_and_that_nobody_sees(self, ledger: Ledger) -> None:
        ledger.cancel(A, 50.0)
        self.absent(ledger)
        assert ledger[A].state is JobState.SCALED_IN
        assert ledger.is_unaccounted(A)

    def test_but_not_if_that_was_accepted(self, ledger: Ledger) -> None:
        ledger.cancel(A, 50.0)
        assert ledger.accepted([JOB]) == []
        self.absent(ledger)
        assert not ledger.is_unaccounted(A)

    def test_nor_one_that_was_seen_to_end(self, ledger: Ledger) -> None:
        ledger.cancel(A, 50.0)
        answer(ledger, JobState.CANCELLED, 60.0)
        assert not ledger.is_unaccounted(A)

    def test_so_is_one_that_came_to_be_after_its_block_had_been_given_up(self, ledger: Ledger) -> None:
        b, late = BlockId("b"), JobId("late")
        ledger.request(b, 5.0)
        ledger.refused(b, "no answer", 6.0)
        assert not ledger.is_unaccounted(b)
        ledger.submitted(b, late, 1000.0)
        ledger.cancel(b, 1000.0)
        assert [(row.job, row.cancel_sent) for row in ledger.unaccounted(1001.0)] == [(late, 1000.0)]
        assert late not in ledger.jobs()
        assert ledger.unaccounted(1000.0 + UNACCOUNTED_S - 1)
        assert ledger.unaccounted(1000.0 + UNACCOUNTED_S) == []
        ledger.submitted(b, late, 2000.0)
        assert ledger.accepted([late]) == [b]

    def test_the_end_of_one_that_is_over_may_be_asked_for_again(self, ledger: Ledger) -> None:
        self.absent(ledger)
        ledger.cancel(A, 310.0)
        assert (ledger[A].cancel_asked, ledger[A].cancel_sent) == (None, 310.0)


def test_an_end_that_was_asked_for_because_it_could_not_work_is_a_failure(ledger: Ledger) -> None:
    ledger.cancel(A, 5.0, given_up="it waits for nothing")
    ledger.cancel(A, 6.0)
    assert answer(ledger, JobState.CANCELLED, 7.0, "by user") == [(JobState.PENDING, JobState.FAILED)]
    assert (ledger[A].message, ledger[A].stillborn) == ("it waits for nothing", False)


def test_what_managers_say_of_their_blocks(ledger: Ledger) -> None:
    ledger.connected([A], 4.0)
    assert ledger.told((), None) == []
    assert (ledger[A].worked, ledger[A].draining, ledger[A].staying) == (None, False, True)
    assert ledger.told((), ()) == []
    assert ledger[A].worked is False
    assert ledger.told((A,), (A,)) == [A]
    assert (ledger[A].worked, ledger[A].draining, ledger[A].staying) == (True, True, False)
    assert ledger.told((), ()) == []
    assert (ledger[A].worked, ledger[A].draining) == (True, True)


def test_how_long_managers_were_there(ledger: Ledger) -> None:
    assert ledger[A].lifetime is None
    ledger.connected([A], 4.0)
    ledger.connected([], 10.0)
    answer(ledger, JobState.FAILED, 90.0)
    assert ledger[A].lifetime == 6.0


def test_a_job_that_nobody_sees_and_whose_managers_have_gone_is_missing_sooner(ledger: Ledger) -> None:
    answer(ledger, JobState.RUNNING, 5.0)
    ledger.connected([A], 6.0)
    ledger.connected([], 10.0)
    for now in (11.0, 12.0, 14.0, 18.0, 26.0, 10.0 + PARTED_AFTER_S - 0.1):
        assert answer(ledger, None, now) == []
    assert answer(ledger, None, 10.0 + PARTED_AFTER_S) == [(JobState.RUNNING, JobState.MISSING)]


def test_managers_that_were_away_for_a_while_have_not_gone(ledger: Ledger) -> None:
    ledger.connected([A], 4.0)
    ledger.connected([], 6.0)
    ledger.connected([A], 8.0)
    assert ledger[A].parted is None
    answer(ledger, JobState.FAILED, 90.0)
    assert ledger[A].lifetime == 86.0
