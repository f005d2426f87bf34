"""The tasks that a kernel knows, as programs look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from parsl_like.dataflow.taskview import TaskView

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow


SHOWN = 100
"""How many tasks the representation of a table names."""


class TaskTable(Mapping[int, TaskView]):
    """Views of tasks by their ids; each look is at the moment.

    Every task whose app was called before a look is seen by it, unless it has ended and was dropped
    (``Config(garbage_collect=True)``).

    Args:
        rows: Those of the machine, which another thread changes.
        catch_up: Waits until that thread has looked at every task submitted so far.
    """

    def __init__(self, rows: Mapping[int, TaskRow], catch_up: Callable[[], None]) -> None:
        self._rows = rows
        self._catch_up = catch_up

    def __getitem__(self, task: int) -> TaskView:
        """One task.

        Raises:
            KeyError: there is none, or it has been dropped.
        """
        row = self._rows.get(task)
        if row is None:
            self._catch_up()
            row = self._rows[task]
        return TaskView(row, row.future)

    def __iter__(self) -> Iterator[int]:
        self._catch_up()
        return iter(list(self._rows))

    def __len__(self) -> int:
        self._catch_up()
        return len(self._rows)

    def values(self) -> list[TaskView]:  # type: ignore[override]  # a list of one moment: rows vanish while one looks
        """The views of all tasks."""
        self._catch_up()
        return [TaskView(row, row.future) for row in list(self._rows.values())]

    def items(self) -> list[tuple[int, TaskView]]:  # type: ignore[override]  # as values
        """Ids and views of all tasks."""
        return [(view["id"], view) for view in self.values()]

    def __repr__(self) -> str:
        rows = list(self._rows.items())
        shown = [f"{task}: {TaskView(row, row.future)!r}" for task, row in rows[:SHOWN]]
        more = [f"... {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        return f"{{{', '.join(shown + more)}}}"
