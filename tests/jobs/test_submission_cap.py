"""A batch system in trouble never gets more jobs than it was promised, nor more and more of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.jobs.breaker import LONGEST_WAIT_S, REFUSED_FOR_S
from parsl_like.jobs.effects import Cancel, Effect, Submit
from parsl_like.jobs.ledger import UNACCOUNTED_S
from parsl_like.jobs.policy import htex_auto_scale, none, simple
from tests.jobs.driver import Driver

HOUR = 3600.0

# What may happen in one step: to the next submission, to the answer for jobs, to a cancellation; and how long it takes.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["taken", "refused", "refused for good", "silence"]),
        st.sampled_from(["truth", "nothing", "error", "unknown", "failed", "hopeless", "held", "pending"]),
        st.sampled_from(["accepted", "refused", "error"]),
        st.sampled_from([1, 1, 5, 30, 90]),
    ),
    min_size=1,
    max_size=80,
)


class Blip:
    """A scheduler that takes jobs and forgets, denies or misreports them. What it was given really runs until it is
    told to end, and accepts that, or until it says itself that the job has ended."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.waiting: list[BlockId] = []
        self.running: set[JobId] = set()
        self.submissions: list[float] = []
        self.how = "accepted"
        self.take(driver.start())

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Submit):
                self.waiting.append(effect.block)
                self.submissions.append(self.driver.now)
            elif isinstance(effect, Cancel) and self.how == "accepted":
                self.running.difference_update(effect.jobs)
                self.driver.controller.accepted(effect.jobs)

    def submit(self, how: str) -> None:
        for block in self.waiting:
            if how == "taken":
                self.running.add(JobId(f"job{block}"))
                self.take(self.driver.submitted(block))
            else:
                self.take(self.driver.refused(block, how, transient=how != "refused for good"))
        self.waiting.clear()

    def answer(self, what: str) -> None:
        jobs = self.driver.controller.ledger.jobs()
        if what == "error":
            self.take(self.driver.unanswered())
            return
        reports = {
            "truth": lambda job: JobReport(JobState.PENDING if job in self.running else JobState.CANCELLED),
            "unknown": lambda job: JobReport(JobState.UNKNOWN, "QX"),
            "failed": lambda job: JobReport(JobState.FAILED, "so it says", 1),
            "hopeless": lambda job: JobReport(JobState.PENDING, hopeless="partition down"),
            "held": lambda job: JobReport(JobState.HELD, "held"),
            "pending": lambda job: JobReport(JobState.PENDING),
        }
        told = {} if what == "nothing" else {job: reports[what](job) for job in jobs}
        self.running.difference_update(job for job, report in told.items() if report.state in TERMINAL_STATES)
        self.take(self.driver.answered(**told))


@settings(max_examples=200, deadline=None)
@given(
    steps=STEPS,
    policy=st.sampled_from([none, simple, htex_auto_scale]),
    high=st.integers(1, 20),
    init=st.integers(0, 3),
    gives_up=st.booleans(),
)
def test_whatever_the_scheduler_does(steps: Any, policy: Any, high: int, init: int, gives_up: bool) -> None:
    driver = Driver(policy=policy, init=init, high=max(high, init), gives_up=gives_up)
    scheduler = Blip(driver)
    most = driver.controller.limits.maximum
    forgotten: dict[JobId, float] = {}
    for submission, answer, cancellation, pause in steps:
        scheduler.how = cancellation
        scheduler.submit(submission)
        scheduler.answer(answer)
        scheduler.take(driver.decide(outstanding=10_000))
        ledger = driver.controller.ledger
        for row in ledger.rows():
            if row.job in scheduler.running and row.ended is not None:
                forgotten[row.job] = row.ended
        # Only a job that nobody could see or end for minutes may run beside as many others as there may be.
        given_up = {job for job, when in forgotten.items() if driver.now - when >= UNACCOUNTED_S}
        assert len(scheduler.running - given_up) + len(scheduler.waiting) <= most
        driver.wait(pause)
    # A wave of submissions comes after a wait, and another one if the first of them is taken; waits grow to a minute,
    # or to as long as a series of refusals may last.
    waits = 8 + driver.now / REFUSED_FOR_S
    assert len(set(scheduler.submissions)) <= 2 + 2 * waits


@pytest.mark.parametrize("policy", [simple, htex_auto_scale])
@pytest.mark.parametrize("other_works", [True, False])
@pytest.mark.parametrize("trouble", ["refused", "dies", "missing", "hopeless"])
def test_hours_of_the_same_trouble(trouble: str, other_works: bool, policy: Any) -> None:
    """Of many blocks that are wanted only a few are asked for in an hour; an executor without any gives up."""
    driver = Driver(policy=policy, init=2 if other_works else 1, high=50)
    driver.start()
    if other_works:
        driver.running("0")
    driver.decide(outstanding=10_000)
    live = {row.block for row in driver.controller.ledger.live()} - ({BlockId("0")} if other_works else set())
    first, asked = len(live), []
    while driver.now < 3 * HOUR and not driver.controller.condemned:
        effects = suffer(driver, trouble, sorted(live))
        effects += driver.decide()
        for effect in effects:
            if isinstance(effect, Submit):
                asked.append(driver.now)
            elif isinstance(effect, Cancel):
                driver.controller.accepted(effect.jobs)
                driver.answered(**{job: JobReport(JobState.CANCELLED) for job in effect.jobs}, **alive(other_works))
        live = {row.block for row in driver.controller.ledger.live()} - ({BlockId("0")} if other_works else set())
        driver.wait(5)
    assert first <= 49 + 1
    assert driver.controller.condemned is not other_works
    hours = Counter(int(at // HOUR) for at in asked)
    assert max(hours.values(), default=0) <= HOUR / LONGEST_WAIT_S * 1.4 + 10


def alive(other_works: bool) -> dict[str, JobReport]:
    return {"job0": JobReport(JobState.RUNNING)} if other_works else {}


def suffer(driver: Driver, trouble: str, blocks: list[BlockId]) -> list[Effect]:
    """What becomes of blocks that were asked for."""
    effects: list[Effect] = []
    if trouble == "refused":
        for block in blocks:
            effects += driver.refused(block, "the queue is full")
        return effects
    for block in blocks:
        if driver.controller.ledger[block].job is None:
            effects += driver.submitted(block)
    works = alive(BlockId("0") not in blocks and driver.load.connected != ())
    reports = {
        "dies": {f"job{block}": JobReport(JobState.FAILED, "exit code 1", 1) for block in blocks},
        "missing": {},
        "hopeless": {f"job{block}": JobReport(JobState.PENDING, hopeless="partition down") for block in blocks},
    }
    return effects + driver.answered(**works, **reports[trouble])


@pytest.mark.parametrize("cancellation", ["accepted", "error"])
@pytest.mark.parametrize("answer", ["nothing", "error"])
def test_jobs_that_are_taken_and_denied(answer: str, cancellation: str) -> None:
    """As when they are sent to another cluster than the one that is asked: they run, and nobody can see or end them."""
    driver = Driver(init=2, high=2, gives_up=False)
    scheduler = Blip(driver)
    scheduler.how = cancellation
    seen: dict[JobId, float] = {}
    while driver.now < HOUR:
        scheduler.submit("taken")
        scheduler.answer(answer)
        scheduler.take(driver.decide(outstanding=10_000))
        ended = {row.job: row.ended for row in driver.controller.ledger.rows() if row.ended is not None}
        for job in scheduler.running & ended.keys():
            seen.setdefault(job, ended[job])
        late = {job for job, when in seen.items() if driver.now - when >= UNACCOUNTED_S}
        assert len(scheduler.running - late) <= 2
        driver.wait(30)
    most = HOUR / LONGEST_WAIT_S if cancellation == "accepted" else 2 * HOUR / UNACCOUNTED_S
    assert 5 < len(scheduler.submissions) <= most
