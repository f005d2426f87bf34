"""Which batches of a manager have come."""

from __future__ import annotations

import pytest

from parsl_like.executors.high_throughput.results import Arrivals


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 2, 1], [2, 3, 1], [1, 1, 3, 3, 2]])
def test_what_has_come_is_known_whatever_its_order(order: list[int]) -> None:
    arrivals = Arrivals()
    come: set[int] = set()
    for number in order:
        assert [arrivals.has(each) for each in range(1, 5)] == [each in come for each in range(1, 5)]
        up_to = arrivals.add(number)
        come.add(number)
        assert come.issuperset(range(1, up_to + 1))
        assert up_to + 1 not in come
    assert arrivals.add(2) == 3
