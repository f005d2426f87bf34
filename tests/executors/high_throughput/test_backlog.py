"""The attempts that wait in the interchange."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.backlog import SWEEP_AT, Backlog
from parsl_like.executors.high_throughput.protocol import TaskItem


def item(attempt: int, *, priority: float = 0.0, buffers: int = 0, slots: int = 1) -> TaskItem:
    return TaskItem(attempt, b"f", b"body", buffers, priority, 0.0, 0, slots)


def attempts(items: list[TaskItem]) -> list[int]:
    return [i.attempt for i in items]


def test_equals_leave_in_the_order_they_came() -> None:
    backlog = Backlog()
    backlog.append([item(1), item(2)])
    backlog.append([item(3)])
    assert len(backlog) == 3
    assert attempts(backlog.take(2)) == [1, 2]
    assert attempts(backlog.take(5)) == [3]
    assert backlog.take(1) == []


def test_a_lower_number_goes_first() -> None:
    backlog = Backlog()
    backlog.append([item(1, priority=5), item(2, priority=-1), item(3, priority=5)])
    backlog.append([item(4, priority=0.5)])
    assert attempts(list(backlog)) == [2, 4, 1, 3]
    assert attempts(backlog.take(3)) == [2, 4, 1]
    backlog.append([item(5, priority=-1)])
    assert attempts(backlog.take(3)) == [5, 3]


def test_buffers_stay_with_their_item() -> None:
    backlog = Backlog()
    backlog.append([item(1, buffers=2), item(2), item(3, buffers=1)], [b"a", b"b", b"c"])
    taken = backlog.take(3)
    assert backlog.buffers_of(taken) == {1: [b"a", b"b"], 3: [b"c"]}
    assert backlog.buffers_of(taken) == {}


@pytest.mark.parametrize(
    ("items", "buffers"),
    [
        ([item(1, buffers=2)], [b"a"]),
        ([item(1)], [b"a"]),
        ([item(1, buffers=1)], []),
        ([item(1, buffers=-1), item(2, buffers=2)], [b"a"]),
        ([], [b"a"]),
    ],
)
def test_items_that_count_other_buffers_are_refused_whole(items: list[TaskItem], buffers: list[bytes]) -> None:
    backlog = Backlog()
    with pytest.raises(BadMessage, match="buffers"):
        backlog.append(items, buffers)
    assert len(backlog) == 0
    backlog.validate()


def test_cancelled_ones_are_never_taken() -> None:
    backlog = Backlog()
    backlog.append([item(n, buffers=n == 2) for n in range(1, 6)], [b"gone"])
    backlog.cancel([2, 3])
    assert attempts(list(backlog)) == [1, 4, 5]
    assert attempts(backlog.take(2)) == [1, 4]
    assert attempts(backlog.take(9)) == [5]
    backlog.validate()


def test_a_wide_one_that_is_cancelled_counts_no_more() -> None:
    backlog = Backlog()
    backlog.append([item(1, slots=2), item(2)])
    backlog.cancel([1])
    assert attempts(backlog.take(2)) == [2]
    assert backlog.wide == 0


def test_an_attempt_cancelled_while_nothing_waits_may_come_later() -> None:
    """A cancellation of something unknown must not wait for an attempt that reuses nothing of it."""
    backlog = Backlog()
    backlog.cancel([7])
    backlog.append([item(7)])
    assert attempts(backlog.take(1)) == [7]


def test_what_could_not_be_delivered_comes_before_its_equals() -> None:
    backlog = Backlog()
    backlog.append([item(1, buffers=1), item(2, slots=3), item(3), item(4, priority=-1)], [b"x"])
    first = backlog.take(3)
    assert attempts(first) == [4, 1, 2]
    assert backlog.wide == 0
    backlog.put_back(first, backlog.buffers_of(first))
    backlog.validate()
    assert backlog.wide == 1
    again = backlog.take(4)
    assert attempts(again) == [4, 1, 2, 3]
    assert backlog.buffers_of(again) == {1: [b"x"]}


def test_only_the_buffers_of_what_could_not_be_delivered_come_back() -> None:
    backlog = Backlog()
    backlog.append([item(1, buffers=1), item(2, buffers=1)], [b"x", b"y"])
    taken = backlog.take(2)
    buffers = backlog.buffers_of(taken)
    backlog.put_back(taken[1:], buffers)
    backlog.validate()
    assert backlog.buffers_of(backlog.take(1)) == {2: [b"y"]}


def test_cancelled_ones_are_not_kept_until_their_turn_comes() -> None:
    backlog = Backlog()
    number = 4 * SWEEP_AT
    backlog.append([item(n, slots=1 + n % 2, buffers=1) for n in range(number)], [b"x"] * number)
    backlog.cancel(range(number))
    assert (len(backlog), backlog.wide) == (0, 0)
    backlog.validate()
    assert backlog.take(1) == []


def test_cancelling_what_never_was_here_leaves_nothing_behind() -> None:
    backlog = Backlog()
    backlog.append([item(1)])
    backlog.cancel(range(1000, 1000 + 2 * SWEEP_AT))
    assert not backlog._cancelled
    assert attempts(backlog.take(2)) == [1]


def test_a_run_ends_before_the_first_that_holds_several_slots() -> None:
    backlog = Backlog()
    assert backlog.narrow_run(9) == 0
    backlog.append([item(1), item(2), item(3), item(4, slots=2), item(5), item(6, priority=1)])
    assert backlog.narrow_run(9) == 3
    assert backlog.narrow_run(2) == 2
    backlog.cancel([1, 3])
    assert backlog.narrow_run(9) == 1
    assert attempts(backlog.take(1)) == [2]
    assert backlog.narrow_run(9) == 0
    assert attempts(backlog.take(1)) == [4]
    assert backlog.narrow_run(9) == 1
    backlog.cancel([5])
    assert backlog.narrow_run(9) == 1
    assert attempts(backlog.take(9)) == [6]


def test_validate_sees_a_wrong_count() -> None:
    backlog = Backlog()
    backlog.append([item(1)])
    backlog.wide = 1
    with pytest.raises(ValueError, match="1 and 1"):
        backlog.validate()


def test_validate_sees_buffers_of_nobody() -> None:
    backlog = Backlog()
    backlog._buffers[9] = [b"x"]
    with pytest.raises(ValueError, match="buffers of"):
        backlog.validate()


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, -2.5]), st.booleans()), max_size=40), st.data())
def test_any_mixture_leaves_sorted_and_complete(entries: list[tuple[float, bool]], data: st.DataObject) -> None:
    backlog = Backlog()
    items = [item(n, priority=priority) for n, (priority, _) in enumerate(entries)]
    backlog.append(items)
    dead = [n for n, (_, cancelled) in enumerate(entries) if cancelled]
    backlog.cancel(dead)
    taken: list[TaskItem] = []
    while batch := backlog.take(data.draw(st.integers(1, 5))):
        backlog.validate()
        taken += batch
    assert taken == sorted((i for i in items if i.attempt not in dead), key=lambda i: (i.priority, i.attempt))
