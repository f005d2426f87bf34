from __future__ import annotations

import re
from pathlib import Path

import pytest

from parsl_like.core.graph import FIRST_FINAL
from parsl_like.core.states import FINAL_FAILURE_STATES, FINAL_PHASES, FINAL_STATES, Phase, States, state_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "internals" / "task-states.md"

# The numbers that Parsl's documents and databases show.
PARSL = {
    "unsched": -1,
    "pending": 0,
    "running": 2,
    "exec_done": 3,
    "failed": 4,
    "dep_fail": 5,
    "launched": 7,
    "fail_retryable": 8,
    "memo_done": 9,
    "joining": 10,
    "running_ended": 11,
}


def test_states_have_the_names_and_numbers_of_parsl() -> None:
    assert {state.name: state.value for state in States} == PARSL


def test_final_states() -> None:
    assert {state.name for state in FINAL_STATES} == {"exec_done", "memo_done", "failed", "dep_fail"}
    assert {state.name for state in FINAL_FAILURE_STATES} == {"failed", "dep_fail"}
    assert FINAL_FAILURE_STATES < FINAL_STATES


def test_one_comparison_tells_the_final_phases() -> None:
    assert {phase for phase in Phase if phase >= FIRST_FINAL} == FINAL_PHASES


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_is_final_where_its_state_is(phase: Phase) -> None:
    assert (phase in FINAL_PHASES) == (state_of(phase) in FINAL_STATES)
    assert state_of(int(phase)) is state_of(phase)


def test_what_each_phase_shows_as() -> None:
    assert {phase.name: state_of(phase).name for phase in Phase} == {
        "new": "pending",
        "waiting": "pending",
        "preparing": "pending",
        "launched": "launched",
        "joining": "joining",
        "attached": "pending",
        "remembering": "launched",
        "done": "exec_done",
        "recalled": "memo_done",
        "failed": "failed",
        "dep_failed": "dep_fail",
        "cancelled": "failed",
    }


def test_each_phase_has_its_paragraph_which_names_its_state() -> None:
    found = re.findall(r"^\*\*(\w+)\*\* \(shows as `(\w+)`\)\n: ", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found == [(phase.name, state_of(phase).name) for phase in Phase]
