"""What waits, apart by walltime."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.backlog import Backlog
from parsl_like.executors.high_throughput.exchange.timed_backlog import (
    LANES_PER_DOUBLING,
    MOST_S,
    TimedBacklog,
    longest_like,
)
from parsl_like.executors.high_throughput.protocol import LONG, TaskItem

if TYPE_CHECKING:
    from collections.abc import Iterable


def item(attempt: int, walltime: float = 0.0, *, buffers: int = 0, priority: float = 0.0, slots: int = 1) -> TaskItem:
    return TaskItem(attempt, b"f", b"", buffers, priority, walltime, 0, slots)


def timed(*items: TaskItem) -> TimedBacklog:
    made = TimedBacklog(Backlog())
    made.append(items)
    return made


def attempts(items: Iterable[TaskItem]) -> list[int]:
    return [one.attempt for one in items]


def test_what_waited_before_is_sorted() -> None:
    plain = Backlog()
    plain.append([item(1), item(2, 60.0, buffers=1), item(3), item(4, 60.0), item(5, priority=-1.0)], ["two"])
    waiting = TimedBacklog(plain)
    assert waiting.plain is plain
    assert attempts(plain) == [5, 1, 3]
    ((lane, head),) = waiting.heads()
    assert (attempts(lane), head.attempt, len(waiting)) == ([2, 4], 2, 5)
    taken = waiting.take(lane, 2)
    assert waiting.buffers_of(taken) == {2: ["two"]}
    waiting.validate()


def test_the_buffers_of_a_mixed_batch_go_with_their_attempts() -> None:
    waiting = timed()
    waiting.append([item(1, buffers=1), item(2, 9.0, buffers=2), item(3), item(4, 9.0)], ["a", "b", "c"])
    ((lane, _),) = waiting.heads()
    both = [*waiting.take(lane, 5), *waiting.take(waiting.plain, 5)]
    assert {attempt: list(parts) for attempt, parts in waiting.buffers_of(both).items()} == {1: ["a"], 2: ["b", "c"]}
    assert waiting.buffers_of(both) == {}


def test_a_batch_that_miscounts_its_buffers_changes_nothing() -> None:
    waiting = timed()
    with pytest.raises(BadMessage, match="3 buffers came with 1"):
        waiting.append([item(1), item(2, 9.0, buffers=3)], ["a"])
    assert len(waiting) == 0


def test_what_comes_back_goes_ahead() -> None:
    waiting = timed(item(1), item(2, 9.0), item(3, 9.0))
    waiting.put_back([item(8), item(9, 9.0, buffers=1)], {9: ("x",)})
    assert attempts(waiting) == [8, 1, 9, 2, 3]
    ((lane, head),) = waiting.heads()
    assert head.attempt == 9
    assert waiting.buffers_of(waiting.take(lane, 1)) == {9: ("x",)}


def test_canceled_ones_are_never_next() -> None:
    waiting = timed(item(1), item(2, 9.0), item(3, 9.0), item(4, 500.0))
    waiting.cancel([1, 2, 4])
    assert attempts(head for _, head in waiting.heads()) == [3]
    assert attempts(waiting) == [3]
    assert waiting.plain.first() is None
    waiting.validate()


def test_a_lane_that_is_empty_is_forgotten() -> None:
    waiting = timed(item(1, 9.0), item(2, 500.0))
    lane, _ = waiting.heads()[0]
    assert attempts(waiting.take(lane, 3)) == [1]
    assert attempts(head for _, head in waiting.heads()) == [2]
    assert len(waiting.lanes) == 1


def test_priorities_count_within_a_lane() -> None:
    waiting = timed(item(1, 9.0, priority=3.0), item(2, 9.0))
    assert attempts(head for _, head in waiting.heads()) == [2]


def test_those_in_one_lane_are_nearly_equal() -> None:
    walltimes = [1.01**n for n in range(-2000, 2000)]
    waiting = timed(*(item(n, walltime) for n, walltime in enumerate(walltimes)))
    for lane, _ in waiting.heads():
        together = [walltimes[one.attempt] for one in lane]
        assert max(together) <= longest_like(min(together)) < min(together) * 2 ** (1.001 / LANES_PER_DOUBLING)
    waiting.validate()


@pytest.mark.parametrize("walltime", [LONG, -7.0, math.inf, math.nan, MOST_S])
def test_what_is_no_time_is_only_long(walltime: float) -> None:
    waiting = timed(item(1, LONG), item(2, walltime))
    assert len(waiting.lanes) == 1
    assert not longest_like(walltime) > 0
    waiting.validate()


def test_an_attempt_in_the_wrong_lane_is_seen() -> None:
    waiting = timed(item(1, 9.0))
    ((lane, _),) = waiting.heads()
    lane.append([item(2, 500.0)])
    with pytest.raises(ValueError, match="do not wait where"):
        waiting.validate()
