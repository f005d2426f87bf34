"""Recorded loads, replayed: the decisions are those of Parsl's documented rule; whatever the load, nothing thrashes."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.core.limits import BlockLimits
from parsl_like.jobs.policies import parsl_like_scaling_policies
from parsl_like.jobs.policy import htex_auto_scale, simple
from tests.jobs.simulation import Decided, Simulation

if TYPE_CHECKING:
    from collections.abc import Sequence

SERIES = sorted((Path(__file__).parent / "series").glob("*.json"))


def replayed(series: dict[str, Any]) -> Simulation:
    simulation = Simulation(
        parsl_like_scaling_policies()[series["policy"]],
        BlockLimits(**series["limits"]),
        [(at, outstanding) for at, outstanding in series["load"]],
        slots=series["slots"],
        max_idle=series.get("max_idle", 120.0),
        queue=series.get("queue", 0.0),
        life=series.get("life"),
        drain=series.get("drain", 0.0),
    )
    return simulation.run(series["seconds"])


@pytest.mark.parametrize("path", SERIES, ids=lambda path: path.stem)
def test_the_decisions_are_those_expected(path: Path) -> None:
    series = json.loads(path.read_text(encoding="utf-8"))
    decided = [[made.at, made.out, list(made.gone), made.reason] for made in replayed(series).decisions]
    assert decided == series["decisions"]


@pytest.mark.parametrize("path", SERIES, ids=lambda path: path.stem)
def test_the_number_of_blocks_keeps_its_limits(path: Path) -> None:
    series = json.loads(path.read_text(encoding="utf-8"))
    simulation = replayed(series)
    assert max(simulation.counts) <= series["limits"]["maximum"]
    assert min(simulation.counts[1:]) >= series["limits"]["minimum"]


def documented(tasks: int, limits: BlockLimits, slots: int) -> int:
    """How many blocks there should be, as Parsl's guide has it: for parallelism 1, for 0, and for what lies between."""
    if limits.parallelism == 1:
        blocks = math.ceil(tasks / slots)
    elif limits.parallelism == 0:
        blocks = 0 if tasks == 0 else 1
    else:  # a new block for every (workers per block / parallelism) tasks
        blocks = math.ceil(tasks / (slots / limits.parallelism))
    return min(limits.maximum, max(limits.minimum, blocks))


@given(
    tasks=st.integers(0, 300),
    slots=st.sampled_from([1, 2, 4, 64]),
    low=st.integers(0, 4),
    more=st.integers(0, 20),
    parallelism=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    policy=st.sampled_from([simple, htex_auto_scale]),
)
def test_a_load_brings_as_many_blocks_as_the_guide_says(
    tasks: int, slots: int, low: int, more: int, parallelism: float, policy: Any
) -> None:
    limits = BlockLimits(0, low, low + more, parallelism)
    simulation = Simulation(policy, limits, [(0.0, tasks)], slots=slots).run(3)
    assert simulation.counts[-1] == documented(tasks, limits, slots)
    assert len(simulation.decisions) <= 1


LOADS = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 40)), min_size=1, max_size=12)


def intervals(load: Sequence[tuple[float, int]], decisions: Sequence[Decided]) -> list[list[Decided]]:
    """Decisions by the stretch of time in which the load does not change."""
    edges = [-math.inf, *(at for at, _ in load), math.inf]
    return [
        [made for made in decisions if begin <= made.at < end]
        for begin, end in itertools.pairwise(edges)
        if begin < end
    ]


@settings(max_examples=80, deadline=None)
@given(
    pauses=LOADS,
    policy=st.sampled_from([simple, htex_auto_scale]),
    init=st.integers(0, 3),
    low=st.integers(0, 3),
    more=st.integers(0, 6),
    slots=st.sampled_from([1, 2, 5]),
    parallelism=st.sampled_from([0.0, 0.3, 1.0]),
    max_idle=st.sampled_from([0.0, 5.0, 30.0, 120.0]),
    queue=st.sampled_from([0.0, 4.0, 100.0]),
)
def test_no_load_makes_it_thrash(
    *,
    pauses: list[tuple[int, int]],
    policy: Any,
    init: int,
    low: int,
    more: int,
    slots: int,
    parallelism: float,
    max_idle: float,
    queue: float,
) -> None:
    """Between two changes of the load blocks only come or only go, and they come in one decision.

    There may be one more for each block that has ended meanwhile: until then it was in the way.
    """
    now, load = 0.0, []
    for pause, outstanding in pauses:
        now += pause
        load.append((now, outstanding))
    limits = BlockLimits(init, low, max(low, init) + more, parallelism)
    simulation = Simulation(policy, limits, load, slots, max_idle, queue).run(now + 2 * max_idle + queue + 10)

    assert max(simulation.counts) <= limits.maximum
    assert min(simulation.counts[1:]) >= min(low, limits.maximum)
    blocks = sum(made.out for made in simulation.decisions)
    assert blocks <= limits.init + limits.maximum * (1 + len(load))
    for made in intervals(load, simulation.decisions):
        comes = [one for one in made if one.out and one.at > 0]
        goes = [one for one in made if one.gone]
        if goes and comes:
            assert max(one.at for one in comes) < min(one.at for one in goes)
        ended = sum(bool(comes) and comes[0].at < at <= comes[-1].at for at in simulation.ended)
        assert len(comes) <= 1 + ended
    gone = [block for made in simulation.decisions for block in made.gone]
    assert len(gone) == len(set(gone))
    assert len(gone) <= blocks


@settings(max_examples=50, deadline=None)
@given(
    outstanding=st.integers(0, 30),
    policy=st.sampled_from([simple, htex_auto_scale]),
    low=st.integers(0, 3),
    more=st.integers(0, 6),
)
def test_a_load_that_stays_brings_no_second_decision(outstanding: int, policy: Any, low: int, more: int) -> None:
    limits = BlockLimits(low, low, low + more)
    simulation = Simulation(policy, limits, [(10.0, outstanding)], slots=2, max_idle=30.0).run(300)
    assert len([made for made in simulation.decisions if made.at >= 10]) <= 1


@settings(max_examples=80, deadline=None)
@given(
    pauses=LOADS,
    high=st.integers(1, 10),
    low=st.integers(0, 2),
    slots=st.sampled_from([1, 2, 5]),
    parallelism=st.sampled_from([0.25, 1.0]),
    max_idle=st.sampled_from([5.0, 30.0]),
)
def test_there_are_as_many_as_the_load_wants_or_has_wanted_of_late(
    pauses: list[tuple[int, int]], high: int, low: int, slots: int, parallelism: float, max_idle: float
) -> None:
    """Never fewer than the guide says; never more than it has said, or tasks could fill, within max_idletime."""
    now, load = 0.0, []
    for pause, outstanding in pauses:
        now += pause
        load.append((now, outstanding))
    limits = BlockLimits(0, low, low + high, parallelism)
    simulation = Simulation(htex_auto_scale, limits, load, slots, max_idle).run(now + max_idle + 10)
    tasks = [Simulation(simple, limits, load).outstanding_at(second) for second in range(len(simulation.counts))]
    wanted = [documented(each, limits, slots) for each in tasks]
    filled = [
        max(each, min(limits.maximum, math.ceil(count / slots))) for each, count in zip(wanted, tasks, strict=True)
    ]
    moment, memory = 3, int(max_idle) + 3
    for second, count in enumerate(simulation.counts):
        assert min(wanted[max(0, second - moment) : second + 1]) <= count
        assert count <= max(filled[max(0, second - memory) : second + 1])
