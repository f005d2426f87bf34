"""Likely causes, from texts that blocks and batch systems have really printed, or that their manuals give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parsl_like.core.job_states import JobState
from parsl_like.jobs.causes import cause_of_refusal, likely_cause, why_it_waits

TEXTS = json.loads((Path(__file__).parent / "causes.json").read_text(encoding="utf-8"))


def named(kind: str) -> list[object]:
    return [pytest.param(text, id=text["about"]) for text in TEXTS[kind]]


@pytest.mark.parametrize("text", named("ended"))
def test_what_blocks_leave(text: dict[str, str]) -> None:
    state = JobState[text.get("state", "FAILED")]
    cause = likely_cause(state, text.get("exit_code"), text.get("wrote", ""), text.get("said", ""))  # type: ignore[arg-type]
    assert text["cause"] in cause


@pytest.mark.parametrize("text", named("refused"))
def test_what_batch_systems_say_when_they_refuse(text: dict[str, str]) -> None:
    cause = cause_of_refusal(text["said"])
    assert cause is not None
    assert text["cause"] in cause


@pytest.mark.parametrize("text", named("waits"))
def test_what_they_say_of_jobs_that_never_start(text: dict[str, str]) -> None:
    assert text["cause"] in why_it_waits(text["said"])
    assert text["cause"] in likely_cause(JobState.PENDING, None, "", text["said"])
    assert text["cause"] in likely_cause(JobState.HELD, None, "", text["said"])


def test_words_that_say_nothing_more_are_left_alone() -> None:
    assert cause_of_refusal("SubmitException: the moon is in the wrong quarter") is None


def test_all_addresses_that_were_tried_are_named_but_not_dozens_of_them() -> None:
    tried = "; ".join(f"tcp://10.0.0.{number}:54321: Connection refused" for number in range(9))
    cause = likely_cause(JobState.FAILED, 1, f"manager: m on n found no interchange. {tried}")
    assert cause.endswith("(it tried tcp://10.0.0.0:54321, tcp://10.0.0.1:54321, tcp://10.0.0.2:54321)")


@pytest.mark.parametrize(
    ("state", "exit_code", "cause"),
    [
        (JobState.TIMEOUT, 143, "walltime was over"),
        (JobState.RUNNING, None, "worker_init takes too long, or the manager cannot reach"),
        (JobState.COMPLETED, 0, "may not start a worker at all"),
        (JobState.FAILED, 137, "was killed"),
        (JobState.FAILED, -9, "was killed"),
        (JobState.FAILED, 3, "worker_init or the block's command failed"),
        (JobState.FAILED, None, "see what the batch system says"),
        (JobState.MISSING, None, "does not know of the job any more"),
        (JobState.CANCELLED, None, "has cancelled it"),
        (JobState.PENDING, None, "will not start the job as it is"),
    ],
)
def test_where_nothing_was_written(state: JobState, exit_code: int | None, cause: str) -> None:
    assert cause in likely_cause(state, exit_code, "")
