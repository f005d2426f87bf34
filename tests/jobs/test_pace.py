"""When jobs are asked after."""

from __future__ import annotations

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobState
from parsl_like.jobs.pace import ABSENT_POLL_S, CLOSING_POLL_S, FIRST_POLL_S, HOPELESS_POLL_S, LONGEST_CALM_S, Pace
from parsl_like.jobs.row import BlockRow

PERIOD = 30.0


def row(**facts: object) -> BlockRow:
    return BlockRow(BlockId("0"), 0.0, **{"job": JobId("1"), "waits_since": 0.0, **facts})  # type: ignore[arg-type]


def waiting() -> BlockRow:
    return row(state=JobState.PENDING)


def times(rows: list[BlockRow], until: float) -> list[float]:
    """When questions are asked that are answered at once."""
    pace, asked = Pace(PERIOD), []
    pace.submitted(0.0)
    while pace.at is not None and pace.at <= until:
        now = pace.at
        asked.append(now)
        pace.asked(rows, now)
        pace.look(rows, now)
        pace.answered(rows, now)
        pace.learned(rows, None, now)
    return asked


def test_there_is_nothing_to_ask_without_a_job() -> None:
    assert Pace(PERIOD).at is None


def test_a_new_job_is_looked_at_soon_then_ever_more_seldom() -> None:
    assert times([waiting()], 120.0) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 62.0, 92.0]


def test_so_is_one_that_has_begun_to_run_and_one_whose_managers_have_gone() -> None:
    pace = Pace(PERIOD)
    assert pace.pause([row(running_since=100.0)], 104.0) == 4.0
    assert pace.pause([row(running_since=100.0, connected_since=101.0, parted=900.0)], 902.0) == 2.0
    assert pace.pause([row(cancel_sent=900.0)], 900.0) == FIRST_POLL_S


def test_beside_a_block_that_works_nobody_is_in_a_hurry() -> None:
    rows = [row(connected=True, connected_since=5.0), waiting()]
    assert times(rows, 120.0) == [1.0, 31.0, 61.0, 91.0]


def test_where_it_may_be_asked_often_it_is() -> None:
    pace = Pace(0.5)
    pace.submitted(0.0)
    assert pace.at == 0.1
    assert pace.pause([waiting()], 100.0) == 0.5


def test_a_job_that_can_never_start_is_looked_at_often_for_a_while() -> None:
    rows = [row(connected=True), row(hopeless="partition down")]
    assert Pace(PERIOD).pause(rows, 1000.0) == HOPELESS_POLL_S
    rows[1].cancel_asked = 900.0
    assert Pace(PERIOD).pause(rows, 1000.0) == PERIOD


def test_a_job_that_answers_leave_out_is_looked_at_often_until_it_is_known_to_be_gone() -> None:
    others = row(connected=True, connected_since=5.0)
    assert Pace(PERIOD).pause([others, row(parted=900.0, misses=1)], 1000.0) == ABSENT_POLL_S
    assert Pace(PERIOD).pause([others, row(connected=True, connected_since=5.0, misses=1)], 1000.0) == PERIOD
    assert Pace(2.0).pause([others, row(misses=1)], 1000.0) == 2.0


@pytest.mark.parametrize(("period", "announced", "pause"), [(30.0, False, 60.0), (1.0, False, 5.0), (1.0, True, 60.0)])
def test_while_all_are_connected_seldom(period: float, announced: bool, pause: float) -> None:
    pace = Pace(period, announced=announced)
    rows = [row(connected=True)]
    pace.look(rows, 0.0)
    assert pace.calm
    assert pace.pause(rows, 10.0) == pause <= LONGEST_CALM_S


def test_when_a_manager_has_gone_at_once() -> None:
    pace, block = Pace(PERIOD), row(connected=True)
    pace.look([block], 0.0)
    pace.asked([block], 0.0)
    block.connected = False
    pace.look([block], 7.0)
    assert pace.at == 7.0


def test_an_answer_that_is_on_its_way_may_not_know_of_what_is_announced() -> None:
    pace = Pace(PERIOD, announced=True)
    pace.heard(0.0)
    assert pace.at is None
    pace.asked([waiting()], 1.0)
    pace.heard(2.0)
    pace.answered([waiting()], 3.0)
    pace.learned([waiting()], None, 3.0)
    assert pace.at == 3.0


def test_an_answer_that_is_worth_more_than_others_is_asked_for() -> None:
    pace = Pace(PERIOD)
    rows = [row(connected=True), waiting()]
    for look, at in ((25.0, 25.0), (40.0, 40.0), (None, 40.0), (10.0, 40.0)):
        pace.learned(rows, look, 10.0)
        assert pace.at == at


def test_after_a_cancellation_soon() -> None:
    pace = Pace(PERIOD)
    pace.learned([row(connected=True)], None, 0.0)
    pace.cancelled(3.0)
    assert pace.at == 4.0


def test_at_the_end_often_then_less_often() -> None:
    pace, now = Pace(PERIOD), 0.0
    pace.close(now)
    pauses = []
    for _ in range(8):
        assert pace.at is not None
        pauses.append(pace.at - now)
        now = pace.at
        pace.asked([waiting()], now)
        pace.answered([waiting()], now)
        pace.learned([waiting()], None, now)
    assert pauses[0] == pauses[1] == CLOSING_POLL_S[0]
    assert pauses[-1] == CLOSING_POLL_S[1]
