"""When a block counts as idle."""

from __future__ import annotations

import pytest

from parsl_like.executors.high_throughput.exchange.idleness import SETTLING, Idleness


def test_a_block_falls_idle_once_it_has_settled_and_says_so_once() -> None:
    idleness = Idleness()
    idleness.join("0")
    assert idleness.edges(10.0) == {}
    assert idleness.deadline() == 10.0 + SETTLING
    assert idleness.edges(10.0 + SETTLING) == {"0": True}
    assert idleness.deadline() is None
    assert idleness.edges(99.0) == {}


def test_a_block_wakes_at_once() -> None:
    idleness = Idleness()
    idleness.join("0")
    idleness.edges(0.0)
    idleness.edges(SETTLING)
    idleness.count("0", 1)
    assert idleness.edges(SETTLING + 0.1) == {"0": False}


def test_short_tasks_do_not_make_it_flicker() -> None:
    idleness = Idleness()
    idleness.join("0")
    for turn in range(20):
        now = turn * SETTLING * 0.8
        idleness.count("0", 1)
        assert idleness.edges(now) == {}
        idleness.count("0", -1)
        assert idleness.edges(now) == {}


def test_one_busy_manager_keeps_its_block_busy() -> None:
    idleness = Idleness()
    idleness.join("0")
    idleness.join("0")
    idleness.count("0", 1)
    idleness.edges(0.0)
    assert idleness.edges(9.0) == {}
    idleness.validate({"0": (2, 1)})
    idleness.count("0", -1)
    idleness.edges(10.0)
    assert idleness.edges(11.0) == {"0": True}


def test_a_busy_block_is_looked_at_only_when_it_falls_idle() -> None:
    idleness = Idleness()
    for _ in range(3):
        idleness.join("0")
    idleness.count("0", 1)
    idleness.edges(0.0)
    for change in (1, 1, -1, -1):
        idleness.count("0", change)
        assert not idleness._changed
    idleness.validate({"0": (3, 1)})
    idleness.count("0", -1)
    assert idleness.edges(1.0) == {}
    assert idleness.edges(1.0 + SETTLING) == {"0": True}


def test_a_block_without_managers_is_forgotten() -> None:
    idleness = Idleness()
    idleness.join("0")
    idleness.edges(0.0)
    idleness.edges(SETTLING)
    idleness.leave("0")
    assert idleness.edges(5.0) == {}
    idleness.validate({})
    idleness.join("0")
    idleness.edges(6.0)
    assert idleness.edges(6.0 + SETTLING) == {"0": True}


def test_validate_sees_a_wrong_count() -> None:
    idleness = Idleness()
    idleness.join("0")
    with pytest.raises(ValueError, match="counted"):
        idleness.validate({"0": (1, 1)})
