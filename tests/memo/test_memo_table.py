"""What one run remembers in memory."""

from __future__ import annotations

import copy
import pickle

import pytest

from parsl_like.memo.table import MISSING, MemoTable, TaskKey

PARTS = (("name", b"n" * 16),)


@pytest.fixture
def table() -> MemoTable:
    return MemoTable()


def key(text: str, task: int = 1) -> TaskKey:
    return TaskKey(text, PARTS, "work", task)


def test_a_key_is_its_text_and_knows_what_it_was_made_of() -> None:
    made = key("b2:1", 7)
    assert made == "b2:1"
    assert {made: 1} == {"b2:1": 1}
    assert (made.parts, made.name, made.task) == (PARTS, "work", 7)


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_only_the_text_of_a_key_travels(twin: object) -> None:
    assert callable(twin)
    assert type(twin(key("b2:1"))) is str
    assert twin(key("b2:1")) == "b2:1"


def test_a_result_is_there_until_it_is_dropped(table: MemoTable) -> None:
    assert table.value("a") is MISSING
    table.keep_all([(key("a"), None)], unwritten=False)
    assert table.value("a") is None
    assert len(table) == 1
    table.drop(["a", "never there"])
    assert table.value("a") is MISSING
    assert len(table) == 0


def test_a_later_result_takes_the_place_of_an_earlier_one(table: MemoTable) -> None:
    table.keep_all([(key("a", 1), "first")], unwritten=True)
    table.keep_all([(key("a", 2), "second")], unwritten=True)
    assert table.value("a") == "second"
    assert [(made.task, value) for made, value in table.take_unwritten()] == [(2, "second")]


def test_what_is_not_written_is_taken_once(table: MemoTable) -> None:
    table.keep_all([(key("a"), 1)], unwritten=True)
    table.keep_all([(key("b"), 2)], unwritten=False)
    assert table.take_unwritten() == [("a", 1)]
    assert table.take_unwritten() == []
    assert table.value("a") == 1


def test_results_of_some_tasks_are_taken_and_the_others_stay(table: MemoTable) -> None:
    for task, text in enumerate("abc"):
        table.keep_all([(key(text, task), text)], unwritten=True)
    assert table.take_unwritten([2, 0, 17]) == [("a", "a"), ("c", "c")]
    assert table.take_unwritten() == [("b", "b")]


def test_what_was_dropped_is_not_written(table: MemoTable) -> None:
    table.keep_all([(key("a"), 1)], unwritten=True)
    table.drop(["a"])
    assert table.take_unwritten() == []


# --- calls in flight


def test_the_first_task_computes_and_the_others_follow(table: MemoTable) -> None:
    assert table.attach("a", 1) is None
    assert table.attach("a", 2) == 1
    assert table.attach("a", 1) is None, "it is asked again, when it was prepared again"
    assert table.attach("b", 2) is None


def test_a_call_that_has_landed_is_computed_by_whoever_asks_next(table: MemoTable) -> None:
    table.attach("a", 1)
    table.keep_all([(key("a"), 1), (key("never in flight"), 1)], unwritten=False)
    assert table.attach("a", 2) is None


def test_only_who_computes_can_give_up(table: MemoTable) -> None:
    table.attach("a", 1)
    table.release("a", 2)
    assert table.attach("a", 3) == 1
    table.release("a", 1)
    table.release("a", 1)
    assert table.attach("a", 3) is None
