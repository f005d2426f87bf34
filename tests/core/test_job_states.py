from __future__ import annotations

import itertools
import pickle

import pytest

from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState, may_follow

PARSL = ["UNKNOWN", "PENDING", "RUNNING", "CANCELLED", "COMPLETED", "FAILED", "TIMEOUT", "HELD", "MISSING", "SCALED_IN"]


def test_names_numbers_and_text_are_those_of_parsl() -> None:
    assert [state.name for state in sorted(JobState)] == PARSL
    assert [state.value for state in sorted(JobState)] == list(range(10))
    assert str(JobState.TIMEOUT) == "JobState.TIMEOUT"


def test_terminal_states() -> None:
    assert {state.name for state in set(JobState) - TERMINAL_STATES} == {"UNKNOWN", "PENDING", "RUNNING", "HELD"}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobState, JobState)))
def test_news_never_undoes_an_end_and_never_makes_a_state_unknown(before: JobState, after: JobState) -> None:
    allowed = before not in TERMINAL_STATES and after not in (JobState.UNKNOWN, before)
    assert may_follow(before, after) is allowed


def test_a_job_may_be_put_back_into_the_queue() -> None:
    assert may_follow(JobState.RUNNING, JobState.PENDING)


def ends_of(news: tuple[JobState, ...]) -> set[JobState]:
    known, ends = JobState.PENDING, set()
    for state in news:
        known = state if may_follow(known, state) else known
        if known in TERMINAL_STATES:
            ends.add(known)
    return ends


def test_no_sequence_of_news_leads_out_of_an_end() -> None:
    assert max(len(ends_of(news)) for news in itertools.permutations(JobState, 4)) == 1


def test_a_report_is_a_value() -> None:
    report = JobReport(JobState.FAILED, "NODE_FAIL", 1)
    assert report == pickle.loads(pickle.dumps(report))
    assert JobReport(JobState.RUNNING) == JobReport(JobState.RUNNING, None, None)
    with pytest.raises(AttributeError):
        report.state = JobState.RUNNING  # type: ignore[misc]
