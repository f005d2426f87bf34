"""How many blocks there should be when some are about to end, or end before the tasks that wait would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.ids import BlockId, ExecutorLabel
from parsl_like.core.limits import BlockLimits, Decision, ExecutorLoad
from parsl_like.jobs.policy import EXCHANGE_AFTER_S, htex_auto_scale, none, simple

SCALING = [simple, htex_auto_scale]
LIMITS = BlockLimits(init=1, minimum=0, maximum=3)


def blocks(count: int) -> tuple[BlockId, ...]:
    return tuple(BlockId(str(number)) for number in range(count))


def decide(rule: Any, live: int, limits: BlockLimits = LIMITS, idle_for: float = 0.0, **facts: Any) -> Decision:
    load = ExecutorLoad(ExecutorLabel("x"), **{"outstanding": 2, "slots": 4, "slots_per_block": 2, **facts})
    since = dict.fromkeys(load.idle_blocks, 1000.0 - idle_for)
    return rule(limits, load, live_blocks=blocks(live), now=1000.0, max_idle=120.0, idle_since=since)


@pytest.mark.parametrize("rule", SCALING)
class TestStranded:
    def test_tasks_that_no_connected_block_will_take_bring_another(self, rule: Any) -> None:
        decision = decide(rule, 1, outstanding=2, stranded=1, connected=blocks(1))
        assert decision.scale_out == 1
        assert decision.reason == (
            "2 tasks, 1 blocks of 2 slots, parallelism 1, 0 to 3 blocks, "
            "1 tasks need longer than any block has left: 1 more"
        )

    def test_as_many_as_they_need(self, rule: Any) -> None:
        assert decide(rule, 1, outstanding=6, stranded=4, connected=blocks(1)).scale_out == 2
        assert decide(rule, 1, BlockLimits(1, 0, 3, 0.5), outstanding=6, stranded=4, connected=blocks(1)).scale_out == 1
        assert decide(rule, 1, BlockLimits(1, 0, 3, 0.0), outstanding=6, stranded=4, connected=blocks(1)).scale_out == 1

    def test_blocks_that_have_not_begun_will_take_them(self, rule: Any) -> None:
        assert decide(rule, 2, outstanding=2, stranded=2, connected=blocks(1)).scale_out == 0

    def test_never_more_than_there_may_be(self, rule: Any) -> None:
        decision = decide(rule, 3, outstanding=50, stranded=50, connected=blocks(3))
        assert (decision.scale_out, decision.scale_in) == (0, ())

    def test_idle_blocks_make_room_where_there_is_none(self, rule: Any) -> None:
        facts = {"outstanding": 2, "stranded": 2, "connected": blocks(3), "idle_blocks": blocks(2)}
        assert decide(rule, 3, idle_for=EXCHANGE_AFTER_S - 1, **facts).scale_in == ()
        decision = decide(rule, 3, idle_for=EXCHANGE_AFTER_S, **facts)
        assert decision.scale_in == ("0",)
        assert decision.reason == "2 tasks need longer than any block has left: 1 idle blocks make room for others"

    def test_but_not_where_there_is_some_and_not_for_those_that_come(self, rule: Any) -> None:
        facts = {"outstanding": 2, "stranded": 2, "idle_blocks": blocks(1), "idle_for": 60.0}
        assert decide(rule, 2, connected=blocks(2), **facts).scale_in == ()
        assert decide(rule, 3, connected=blocks(2), **facts).scale_in == ()

    def test_without_any_an_idle_block_that_is_needed_stays(self, rule: Any) -> None:
        assert decide(rule, 1, outstanding=2, connected=blocks(1), idle_blocks=blocks(1), idle_for=999).scale_in == ()


def test_a_fixed_number_begins_again_when_all_that_is_left_is_about_to_end() -> None:
    """The caller leaves blocks that are about to end out of those that live, and their slots out of the slots."""
    assert decide(none, 0, slots=0, connected=blocks(1), draining=blocks(1)).scale_out == 1


@given(
    rule=st.sampled_from(SCALING),
    outstanding=st.integers(0, 100),
    part=st.integers(0, 100),
    live=st.integers(0, 12),
    connected=st.integers(0, 12),
    idle=st.integers(0, 12),
    idle_for=st.floats(0, 100),
    low=st.integers(0, 4),
    more=st.integers(0, 8),
)
def test_what_holds_whatever_is_stranded(
    *,
    rule: Any,
    outstanding: int,
    part: int,
    live: int,
    connected: int,
    idle: int,
    idle_for: float,
    low: int,
    more: int,
) -> None:
    limits, there = BlockLimits(1, low, low + more), min(live, connected)
    facts = {
        "outstanding": outstanding,
        "stranded": min(part, outstanding),
        "connected": blocks(there),
        "idle_blocks": blocks(min(idle, there)),
    }
    decision = decide(rule, live, limits, idle_for, **facts)
    assert not (decision.scale_out and decision.scale_in)
    assert live + decision.scale_out <= max(limits.maximum, live)
    assert set(decision.scale_in) <= set(facts["idle_blocks"]) or not outstanding
    if facts["stranded"] and live == there < limits.maximum:
        assert decision.scale_out >= 1
    if decision.scale_in and outstanding and live - len(decision.scale_in) < low:
        assert "make room for others" in decision.reason
