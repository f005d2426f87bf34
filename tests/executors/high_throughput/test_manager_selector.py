"""The order in which managers are offered tasks."""

from __future__ import annotations

import pytest

from parsl_like.executors.high_throughput.manager_selector import (
    BlockIdManagerSelector,
    ManagerSelector,
    RandomManagerSelector,
    block_order,
)

READY = {b"new": {"block_id": "10"}, b"old": {"block_id": "9"}, b"none": {"block_id": None}}


def test_blocks_come_as_people_count_and_what_has_none_comes_last() -> None:
    assert sorted(["b10", "9", "b9", None, "10"], key=block_order) == ["b9", "b10", "9", "10", None]
    assert BlockIdManagerSelector().sort_managers(READY, list(READY)) == [b"old", b"new", b"none"]


def test_a_block_may_be_called_anything() -> None:
    """A superscript is a digit, but no number."""
    assert sorted(["1²", "1"], key=block_order) == ["1", "1²"]


def test_a_random_order_has_everybody_once() -> None:
    assert sorted(RandomManagerSelector().sort_managers(READY, list(READY))) == sorted(READY)


def test_the_base_has_no_order() -> None:
    with pytest.raises(NotImplementedError, match="ManagerSelector"):
        ManagerSelector().sort_managers(READY, [])
