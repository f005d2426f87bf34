"""How many blocks there should be: Parsl's documented cases, and what must hold for every load."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.ids import BlockId, ExecutorLabel
from parsl_like.core.limits import BlockLimits, Decision, ExecutorLoad
from parsl_like.jobs import policy
from parsl_like.jobs.policies import parsl_like_scaling_policies
from parsl_like.jobs.policy import htex_auto_scale, none, simple

SCALING = [simple, htex_auto_scale]


def blocks(count: int) -> tuple[BlockId, ...]:
    return tuple(BlockId(str(number)) for number in range(count))


def load(outstanding: int, *, per_block: int = 2, connected: int = 0, idle: tuple[BlockId, ...] = ()) -> ExecutorLoad:
    return ExecutorLoad(
        ExecutorLabel("x"), outstanding, connected * per_block, per_block, blocks(connected), tuple(idle)
    )


def decide(rule: Any, limits: BlockLimits, at: ExecutorLoad, live: int, **more: Any) -> Decision:
    facts = {"live_blocks": blocks(live), "now": 1000.0, "max_idle": 120.0, "idle_since": {}, **more}
    return rule(limits, at, **facts)


@pytest.mark.parametrize("rule", SCALING)
@pytest.mark.parametrize(
    ("parallelism", "outstanding", "live", "more"),
    [
        # parallelism 1: as many slots as tasks
        (1.0, 0, 0, 0),
        (1.0, 1, 0, 1),
        (1.0, 2, 0, 1),
        (1.0, 3, 0, 2),
        (1.0, 3, 1, 1),
        (1.0, 3, 2, 0),
        (1.0, 100, 1, 4),
        (1.0, 100, 5, 0),
        # parallelism 0: as few blocks as possible
        (0.0, 0, 0, 0),
        (0.0, 1, 0, 1),
        (0.0, 100, 0, 1),
        (0.0, 100, 1, 0),
        # parallelism 0.5, two workers a block: one more block for every four tasks
        (0.5, 4, 0, 1),
        (0.5, 4, 1, 0),
        (0.5, 5, 1, 1),
        (0.5, 8, 2, 0),
        (0.5, 9, 2, 1),
    ],
)
def test_parsls_rule(rule: Any, parallelism: float, outstanding: int, live: int, more: int) -> None:
    limits = BlockLimits(init=1, minimum=0, maximum=5, parallelism=parallelism)
    assert decide(rule, limits, load(outstanding), live).scale_out == more


@pytest.mark.parametrize("rule", SCALING)
def test_the_minimum_is_kept_without_tasks(rule: Any) -> None:
    assert decide(rule, BlockLimits(0, 3, 5), load(0), 1).scale_out == 2


@pytest.mark.parametrize("rule", SCALING)
def test_one_block_until_it_is_known_what_a_block_can_do(rule: Any) -> None:
    limits = BlockLimits(0, 0, 50)
    assert decide(rule, limits, load(1000, per_block=0), 0).scale_out == 1
    assert decide(rule, limits, load(1000, per_block=0), 1).scale_out == 0
    assert decide(rule, limits, load(1000, per_block=100), 1).scale_out == 9


@pytest.mark.parametrize("rule", SCALING)
def test_a_reason_is_always_given(rule: Any) -> None:
    limits = BlockLimits(1, 0, 2)
    assert (
        decide(rule, limits, load(9), 0).reason == "9 tasks, 0 blocks of 2 slots, parallelism 1, 0 to 2 blocks: 2 more"
    )
    assert decide(rule, limits, load(9), 2).reason == "there are as many blocks as there may be"
    assert decide(rule, limits, load(1), 1).reason == "the blocks suffice for the tasks"
    assert decide(rule, limits, load(0), 0).reason == "no task waits or runs"


class TestNone:
    limits = BlockLimits(init=2, minimum=0, maximum=8)

    @pytest.mark.parametrize(("outstanding", "live", "connected"), [(0, 0, 0), (0, 2, 2), (999, 1, 0), (999, 0, 1)])
    def test_it_does_nothing(self, outstanding: int, live: int, connected: int) -> None:
        decision = decide(none, self.limits, load(outstanding, connected=connected), live)
        assert (decision.scale_out, decision.scale_in) == (0, ())
        assert decision.reason == "the number of blocks is fixed"

    def test_tasks_do_not_wait_for_blocks_that_are_gone(self) -> None:
        assert decide(none, self.limits, load(1), 0).scale_out == 2
        assert decide(none, BlockLimits(0, 0, 8), load(1), 0).scale_out == 1
        assert decide(none, BlockLimits(0, 0, 0), load(1), 0).scale_out == 0


class TestSimple:
    limits = BlockLimits(init=1, minimum=1, maximum=5)

    def test_only_when_everything_has_been_idle(self) -> None:
        idle = dict.fromkeys(blocks(3), 100.0)
        everything = load(0, connected=3, idle=blocks(3))
        assert decide(simple, self.limits, everything, 3, idle_since=idle, now=219.0).scale_in == ()
        assert len(decide(simple, self.limits, everything, 3, idle_since=idle, now=220.0).scale_in) == 2

    def test_the_clock_starts_with_the_last_block_to_fall_idle(self) -> None:
        since = {BlockId("0"): 100.0, BlockId("1"): 900.0, BlockId("2"): 100.0}
        everything = load(0, connected=3, idle=blocks(3))
        assert decide(simple, self.limits, everything, 3, idle_since=since).scale_in == ()

    def test_one_task_keeps_all_blocks(self) -> None:
        idle = dict.fromkeys(blocks(3), 100.0)
        assert decide(simple, self.limits, load(1, connected=3, idle=blocks(2)), 3, idle_since=idle).scale_in == ()

    def test_never_below_the_minimum(self) -> None:
        idle = dict.fromkeys(blocks(1), 100.0)
        assert decide(simple, self.limits, load(0, connected=1, idle=blocks(1)), 1, idle_since=idle).scale_in == ()


class TestHtexAutoScale:
    limits = BlockLimits(init=1, minimum=0, maximum=5)

    def test_each_idle_block_too_many_longest_idle_first(self) -> None:
        since = {BlockId("0"): 700.0, BlockId("1"): 100.0, BlockId("2"): 400.0, BlockId("3"): 990.0}
        at = load(3, connected=5, idle=blocks(4))
        decision = decide(htex_auto_scale, self.limits, at, 5, idle_since=since)
        assert decision.scale_in == ("1", "2", "0")
        assert decision.reason == "3 of 5 blocks not needed and idle for 120 s"
        assert decide(
            htex_auto_scale, self.limits, load(5, connected=5, idle=blocks(4)), 5, idle_since=since
        ).scale_in == (
            "1",
            "2",
        )

    def test_a_block_that_is_needed_stays_although_it_is_idle(self) -> None:
        since = dict.fromkeys(blocks(2), 0.0)
        assert (
            decide(htex_auto_scale, self.limits, load(3, connected=2, idle=blocks(2)), 2, idle_since=since).scale_in
            == ()
        )

    def test_blocks_that_work_are_left_alone(self) -> None:
        decision = decide(htex_auto_scale, self.limits, load(1, connected=5), 5)
        assert (decision.scale_in, decision.idle_since) == ((), {})


@pytest.mark.parametrize("rule", SCALING)
def test_blocks_that_still_wait_to_start_are_idle_when_there_is_no_task(rule: Any) -> None:
    limits = BlockLimits(0, 0, 5)
    first = decide(rule, limits, load(0), 3, now=1000.0)
    assert first.idle_since == dict.fromkeys(blocks(3), 1000.0)
    assert decide(rule, limits, load(1), 3, now=1050.0, idle_since=first.idle_since).idle_since == {}
    assert len(decide(rule, limits, load(0), 3, now=1120.0, idle_since=first.idle_since).scale_in) == 3


LOADS = st.builds(
    lambda outstanding, per_block, live, connected, idle: (
        ExecutorLoad(
            ExecutorLabel("x"),
            outstanding,
            per_block * min(connected, live),
            per_block,
            blocks(min(connected, live)),
            blocks(min(idle, connected, live)),
        ),
        blocks(live),
    ),
    st.integers(0, 500),
    st.integers(0, 70),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 30),
)
LIMITS = st.builds(
    lambda init, low, more, share: BlockLimits(init, low, low + more, share),
    st.integers(0, 5),
    st.integers(0, 10),
    st.integers(0, 20),
    st.floats(0, 1),
)


@given(LIMITS, LOADS, st.sampled_from([none, simple, htex_auto_scale]), st.floats(0, 300), st.data())
def test_what_holds_for_every_load(
    limits: BlockLimits, at: Any, rule: Any, max_idle: float, data: st.DataObject
) -> None:
    executor, live = at
    since = {block: data.draw(st.floats(0, 1000)) for block in live if data.draw(st.booleans())}
    decision = rule(limits, executor, live_blocks=live, now=1000.0, max_idle=max_idle, idle_since=since)
    after = len(live) + decision.scale_out - len(decision.scale_in)
    assert not (decision.scale_out and decision.scale_in)
    if decision.scale_out:
        assert after <= limits.maximum
    if decision.scale_in:
        assert after >= limits.minimum
        assert len(set(decision.scale_in)) == len(decision.scale_in)
        for block in decision.scale_in:
            assert block in executor.idle_blocks or not executor.outstanding
            assert 1000.0 - since.get(block, 1000.0) >= max_idle
    assert set(decision.idle_since) <= set(live)
    assert decision.reason
    if rule is not none and limits.maximum:
        assert after >= min(limits.minimum, limits.maximum)
        assert not executor.outstanding or after >= 1
        wanted = math.ceil(executor.outstanding * limits.parallelism / max(executor.slots_per_block, 1))
        if executor.slots_per_block:
            assert after >= min(wanted, limits.maximum)


@given(LIMITS, LOADS, st.sampled_from([simple, htex_auto_scale]))
def test_what_was_decided_is_enough(limits: BlockLimits, at: Any, rule: Any) -> None:
    """No second decision is needed for the same load: the first is sized at once."""
    executor, live = at
    facts = {"now": 0.0, "max_idle": 1e9, "idle_since": {}}
    first = rule(limits, executor, live_blocks=live, **facts)
    more = (*live, *(BlockId(f"new-{number}") for number in range(first.scale_out)))
    assert rule(limits, executor, live_blocks=more, **facts).scale_out == 0


def test_the_names_that_a_config_knows() -> None:
    assert parsl_like_scaling_policies() == {
        "none": policy.none,
        "simple": policy.simple,
        "htex_auto_scale": policy.htex_auto_scale,
    }
