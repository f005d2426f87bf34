from __future__ import annotations

from collections.abc import Callable

import pytest

from parsl_like.core.ids import TaskId
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.dataflow.futures import AppFuture
from parsl_like.dataflow.tasktable import SHOWN, TaskTable


def row(task: int) -> TaskRow:
    return TaskRow(TaskId(task), AppSpec("work", None), "x", AppFuture(task, "work"))


@pytest.fixture
def rows() -> dict[int, TaskRow]:
    return {task: row(task) for task in (3, 5)}


def nothing_new() -> None:
    """The owner thread has seen everything."""


def test_it_is_a_mapping_of_views(rows: dict[int, TaskRow]) -> None:
    table = TaskTable(rows, nothing_new)
    assert (list(table), len(table), table[3]["id"], 5 in table, 4 in table) == ([3, 5], 2, 3, True, False)
    assert [view["id"] for view in table.values()] == [3, 5]
    assert [(task, view["func_name"]) for task, view in table.items()] == [(3, "work"), (5, "work")]
    assert table.get(4) is None
    with pytest.raises(KeyError):
        table[4]
    assert repr(table) == "{3: <task 3 (work) pending>, 5: <task 5 (work) pending>}"
    assert TaskTable({}, nothing_new) == {}


def test_of_many_tasks_the_first_are_shown() -> None:
    shown = repr(TaskTable({task: row(task) for task in range(SHOWN + 2)}, nothing_new))
    assert shown.endswith("99: <task 99 (work) pending>, ... 2 more}")


LOOKS: list[tuple[str, Callable[[TaskTable], object], object]] = [
    ("one", lambda table: table[7]["id"], 7),
    ("whether", lambda table: 7 in table, True),
    ("how many", len, 3),
    ("ids", list, [3, 5, 7]),
    ("values", lambda table: [view["id"] for view in table.values()], [3, 5, 7]),
    ("items", lambda table: [task for task, _ in table.items()], [3, 5, 7]),
]


@pytest.mark.parametrize(("look", "seen"), [case[1:] for case in LOOKS], ids=[case[0] for case in LOOKS])
def test_what_was_submitted_before_a_look_is_seen_by_it(
    rows: dict[int, TaskRow], look: Callable[[TaskTable], object], seen: object
) -> None:
    table = TaskTable(rows, lambda: rows.update({7: row(7)}))
    assert look(table) == seen


def test_a_known_task_is_not_waited_for(rows: dict[int, TaskRow]) -> None:
    def wait() -> None:
        pytest.fail("it waited")

    assert TaskTable(rows, wait)[3]["id"] == 3


def test_rows_may_go_while_one_looks(rows: dict[int, TaskRow]) -> None:
    seen = []
    for task in TaskTable(rows, nothing_new):
        rows.clear()
        seen.append(task)
    assert seen == [3, 5]
