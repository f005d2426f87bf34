"""The way to where blocks are had is closed: when it is tried again, who is told, and when tasks wait no longer."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

import pytest

from parsl_like.channels.errors import (
    AuthException,
    BadHostKeyException,
    FileCopyException,
    SSHException,
    UnknownHostKeyException,
    lost_connection,
)
from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.errors import BadStateException, ChannelError, ExecutionProviderException, SubmitException
from parsl_like.jobs.effects import Cancel, Condemn, Submit
from parsl_like.jobs.outage import CLOSED_FOR_S, Outage
from tests.jobs.driver import PENDING, RUNNING, Driver, ended
from tests.jobs.poller_run import PATIENCE_S, Run

if TYPE_CHECKING:
    from collections.abc import Callable


class TestOutage:
    def test_pauses_double_and_end_with_the_bound(self) -> None:
        outage, now, pauses = Outage(), 100.0, []
        while outage.verdict(now) is None:
            outage.failed("no route", transient=True, now=now)
            pauses.append(outage.again - now)
            now = outage.again
        assert pauses == [1, 2, 4, 8, 16, 32, 57]
        assert now == 100 + CLOSED_FOR_S
        assert outage.verdict(now) == "7 tries in 120 s were in vain; the last: no route"

    def test_one_failure_is_not_enough_however_long_it_took(self) -> None:
        outage = Outage()
        outage.failed("no route", transient=True, now=0.0)
        assert outage.verdict(1000.0) is None

    def test_what_does_not_pass_is_tried_less_often_and_given_up_after_three(self) -> None:
        outage, now, pauses = Outage(), 0.0, []
        for _ in range(9):
            outage.failed("no such user", transient=False, now=now)
            pauses.append(outage.again - now)
            now = outage.again
        assert pauses == [5, 10, 20, 40, 45, 160, 300, 300, 300]
        assert outage.verdict(now) == "9 tries in a row, in 1180 s, said that it will not pass: no such user"

    def test_another_kind_of_answer_in_between_counts(self) -> None:
        outage = Outage()
        news = [outage.failed("x", transient=transient, now=0.0) for transient in (False, False, True, True, False)]
        assert news == [True, False, True, False, True]
        assert outage.refusals == 1
        assert outage.verdict(0.0) is None

    def test_it_is_over_when_a_call_comes_through(self) -> None:
        outage = Outage()
        assert outage.over(1.0) is None
        outage.failed("x", transient=True, now=2.0)
        assert outage.goes_on
        assert outage.over(5.0) == 3.0
        assert (outage.goes_on, outage.failures, outage.again) == (False, 0, float("inf"))

    def test_tasks_that_come_are_given_all_of_the_time(self) -> None:
        outage = Outage()
        for now in (0.0, 500.0, 1000.0):
            outage.failed("x", transient=False, now=now)
        outage.wanted(1001.0)
        assert outage.again == 1001.0
        outage.failed("x", transient=True, now=1001.0)
        assert outage.verdict(1001.0) is None
        outage.failed("x", transient=True, now=1001.0 + CLOSED_FOR_S)
        assert outage.verdict(1001.0 + CLOSED_FOR_S) is not None


def unreached(driver: Driver, *, transient: bool, times: int = 1, reason: str = "h: gone") -> list[object]:
    """Tries in vain, each when it is due."""
    effects: list[object] = []
    for _ in range(times):
        effects += driver.take(driver.controller.unreached(reason, transient=transient, now=driver.now))
        driver.now = driver.controller.outage.again
    return effects


def warnings(driver: Driver) -> list[str]:
    return [note.fields["text"] for note in driver.notes("warning")]


class TestController:
    def test_while_a_block_works_nobody_gives_up_and_people_are_told_once(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        assert unreached(driver, transient=True, times=50) == []
        (text,) = warnings(driver)
        assert text == (
            "blocks cannot be asked for, looked after or ended: h: gone Tries go on; blocks that work go on (1); "
            "without a block that works, tasks fail after 120 s."
        )
        assert unreached(driver, transient=False, times=50) == []
        assert len(warnings(driver)) == 2
        assert "tasks fail after 3 such tries" in warnings(driver)[-1]

    def test_when_the_last_block_that_worked_is_gone_the_executor_is_failed(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        unreached(driver, transient=False, times=3)
        driver.decide(connected=())
        (condemned, cancel) = unreached(driver, transient=False)
        assert isinstance(condemned, Condemn)
        assert "no block works, and none can be had: 4 tries in a row" in condemned.reason
        assert "h: gone Jobs that may wait or run there all the same: job0." in condemned.reason
        assert condemned.row is None
        assert cancel == Cancel((JobId("job0"),))
        assert driver.wait(100).decide() == [Cancel((JobId("job0"),))], "it is told to end should it be heard again"

    @pytest.mark.parametrize(("transient", "most_s"), [(True, CLOSED_FOR_S), (False, 15.0)])
    def test_a_job_that_waits_in_a_queue_is_no_hope(self, transient: bool, most_s: float) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.submitted("0")
        driver.answered(job0=PENDING)
        driver.wait(3600).decide(outstanding=1)
        began = driver.now
        while not driver.controller.condemned:
            assert driver.now - began <= most_s
            unreached(driver, transient=transient)

    def test_a_block_that_has_yet_to_connect_is_given_its_own_time_first(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.submitted("0")
        driver.answered(job0=RUNNING)
        driver.decide(outstanding=1)
        assert unreached(driver, transient=False, times=3) == []
        driver.wait(100).decide(connected=(BlockId("0"),))
        assert unreached(driver, transient=False, times=3) == []

    def test_jobs_that_cannot_be_seen_keep_nobody_waiting(self) -> None:
        """Their place is kept for five minutes, but not with tasks waiting for it."""
        driver = Driver(init=1, high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        driver.decide(connected=())
        for _ in range(4):
            unreached(driver, transient=True)
            driver.wait(30).unanswered("gone")
        assert driver.controller.ledger.jobs() == []
        assert driver.decide() == [Cancel((JobId("job0"),))], "once more"
        assert "may still run are still in the way" in driver.controller.last_decision
        effects = unreached(driver, transient=True, times=2)
        assert [type(effect) for effect in effects] == [Condemn]

    def test_without_tasks_nobody_is_failed_and_those_that_come_are_given_the_time(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.submitted("0")
        driver.answered(job0=PENDING)
        driver.decide()
        assert unreached(driver, transient=True, times=20) == []
        driver.decide(outstanding=1)
        assert unreached(driver, transient=True, times=2) == []
        assert [type(effect) for effect in unreached(driver, transient=True, times=9)] == [Condemn, Cancel]

    def test_submissions_that_fail_for_it_are_given_as_long_once_a_block_has_worked(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.running("0").decide(outstanding=5)
        driver.answered(job0=ended(0))
        driver.wait(20).decide(connected=())
        began, block = driver.now, 1
        while not driver.controller.condemned:
            driver.take(driver.controller.unreached("gone", transient=True, now=driver.now))
            driver.refused(str(block))
            while not driver.decide() and not driver.controller.condemned:
                driver.wait(1)
            block += 1
        assert CLOSED_FOR_S <= driver.now - began <= CLOSED_FOR_S + 60

    def test_no_block_is_asked_for_more_often_than_a_refused_login_may_be_tried(self) -> None:
        driver = Driver(init=1, high=2)
        driver.start()
        driver.running("0").decide(outstanding=1)
        for _ in range(8):
            driver.take(driver.controller.unreached("h: gone", transient=False, now=driver.now))
        due = driver.controller.outage.again
        driver.now = due - 1
        assert driver.decide(outstanding=9) == []
        assert "because of trouble with the last" in driver.controller.last_decision
        assert driver.controller.next_due(driver.now) == due
        driver.now = due
        assert [type(effect) for effect in driver.decide()] == [Submit]

    def test_an_executor_that_never_gives_up_does_not(self) -> None:
        driver = Driver(init=1, high=1, gives_up=False)
        driver.start()
        driver.submitted("0")
        driver.decide(outstanding=1)
        assert unreached(driver, transient=False, times=50) == []
        assert warnings(driver)[0].endswith("h: gone Tries go on; no block works.")

    def test_at_the_end_nobody_is_told_or_failed(self) -> None:
        driver = Driver(init=1, high=1)
        driver.start()
        driver.submitted("0")
        driver.decide(outstanding=1)
        driver.take(driver.controller.close(driver.now))
        assert unreached(driver, transient=False, times=5) == []
        assert warnings(driver) == []


class TestWhatItIs:
    @pytest.mark.parametrize("kind", [AuthException, BadHostKeyException, SSHException, UnknownHostKeyException])
    def test_the_way_is_closed(self, kind: type[ChannelError]) -> None:
        lost = kind("x", "h")
        outer = SubmitException("job", "y")
        outer.__cause__ = FileCopyException("z", "h")
        outer.__cause__.__cause__ = lost
        assert lost_connection(lost) is lost
        assert lost_connection(outer) is lost

    def test_something_else_has_failed(self) -> None:
        strange = ExecutionProviderException("x")
        strange.__cause__ = strange
        others = (None, strange, ChannelError("sbatch took longer than 10 s"), FileCopyException("no space left", "h"))
        assert not any(map(lost_connection, others))


def until(holds: Callable[[], object], what: str) -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, what
        pause.wait(0.01)


def closed(lost: ChannelError) -> ExecutionProviderException:
    error = ExecutionProviderException("the batch system did not answer")
    error.__cause__ = lost
    return error


class TestSupply:
    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("parsl_like.jobs.outage.FIRST_PAUSE_S", 0.01)
        monkeypatch.setattr("parsl_like.jobs.outage.FIRST_PAUSE_REFUSED_S", 0.01)

    def test_tasks_fail_with_what_the_channel_says(self, run: Run) -> None:
        lost = BadHostKeyException("it is another machine", "login", hint="ask the site.")
        run.session.set_load(outstanding=1)
        run.provider = type(run.provider)(None, JobState.PENDING)
        run.add()
        run.provider.wait_until(lambda provider: provider.calls.count("status") > 1)
        run.provider.script("status", *itertools.repeat(closed(lost), 50))
        run.session.wait_until(lambda session: bool(session.failures), PATIENCE_S)
        (error,) = run.session.failures
        assert isinstance(error, BadStateException)
        assert error.__cause__ is lost
        assert "login: its key is not the one that is known: it is another machine. Try: ask the site." in str(error)
        assert run.poller.status()["stub"]["failed"]

    def test_while_a_block_works_status_and_one_warning_say_so(self, run: Run) -> None:
        lost = SSHException("no route to host", "login", transient=True)
        run.session.set_load(outstanding=1, connected=(BlockId("0"),))
        run.add()
        run.records.wait_until(lambda records: any(block.get("connected") for block in records.of("block")))
        run.provider.script("status", *itertools.repeat(closed(lost), 8))
        run.records.wait_until(lambda records: bool(records.of("warning")))
        until(lambda: run.poller.status()["stub"]["unreached"], "status does not say so")
        assert "no route to host" in run.poller.status()["stub"]["trouble"]
        run.provider.wait_until(lambda provider: not provider._scripts["status"], PATIENCE_S)
        until(lambda: not run.poller.status()["stub"]["unreached"], "status does not say that it is over")
        assert run.session.failures == []
        (warning,) = run.records.of("warning")
        assert "Try: see whether `ssh login true` works by hand from here." in warning["text"]
        assert run.live()["0"]["connected"]

    def test_tasks_that_come_have_it_tried_at_once(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("parsl_like.jobs.outage.FIRST_PAUSE_S", 3600.0)
        monkeypatch.setattr("parsl_like.jobs.outage.LONGEST_WAIT_S", 3600.0)
        monkeypatch.setattr("parsl_like.jobs.outage.CLOSED_FOR_S", 3600.0)
        run.provider = type(run.provider)(None, JobState.PENDING)
        run.provider.script("status", closed(SSHException("gone", "login", transient=True)))
        run.add(low=1)
        run.records.wait_until(lambda records: bool(records.of("warning")))
        run.session.set_load(outstanding=1)
        run.poller.nudge()
        run.provider.wait_until(lambda provider: provider.calls.count("status") > 2, PATIENCE_S)

    def test_at_the_end_it_is_tried_a_few_times_only(self, run: Run) -> None:
        run.add()
        run.provider.wait_until(lambda provider: "status" in provider.calls)
        lost = closed(SSHException("gone", "login", transient=True))
        for call in ("status", "cancel"):
            run.provider.script(call, *itertools.repeat(lost, 1000))
        run.close()
        assert run.provider.calls.count("cancel") <= 4
        assert "1 jobs could not be ended in time and may still run: stub-1" in str(run.records.of("warning"))
        assert run.provider.closed


def test_an_answer_of_the_batch_system_ends_it() -> None:
    driver = Driver(init=1, high=1)
    driver.start()
    driver.submitted("0")
    driver.decide(outstanding=1)
    unreached(driver, transient=True, times=3)
    began = driver.controller.outage.since
    assert driver.controller.reached(driver.now) == driver.now - (began or 0.0)
    driver.answered(job0=JobReport(JobState.PENDING))
    assert unreached(driver, transient=True, times=3) == []
